/** Limpet on Bun. */
import { limpet } from './limpet.ts';

export const limpetBun = limpet({ runtime: 'bun' });
