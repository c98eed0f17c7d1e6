/** Limpet on Node. */
import { limpetOn } from './limpet.ts';

export const limpetNode = limpetOn('node');
