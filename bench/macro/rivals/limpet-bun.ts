/** Limpet on Bun. */
import { limpetOn } from './limpet.ts';

export const limpetBun = limpetOn('bun');
