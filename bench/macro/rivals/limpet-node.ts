/** Limpet on Node. */
import { limpet } from './limpet.ts';

export const limpetNode = limpet({ runtime: 'node' });
