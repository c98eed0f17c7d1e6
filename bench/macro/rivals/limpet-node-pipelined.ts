/** Limpet on Node, sending idempotent requests of several clients to a server without waiting between them. */
import { limpet } from './limpet.ts';

export const limpetNodePipelined = limpet({ runtime: 'node', label: 'pipelined', pool: 'pipelining: 16' });
