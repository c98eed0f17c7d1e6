/** Limpet on Bun, sending idempotent requests of several clients to a server without waiting between them. */
import { limpet } from './limpet.ts';

export const limpetBunPipelined = limpet({ runtime: 'bun', label: 'pipelined', pool: 'pipelining: 16' });
