/** Limpet on Bun, pipelined and with the session protocol on, which the servers of the benchmark do not speak. */
import { limpet } from './limpet.ts';

export const limpetBunPipelinedSessions = limpet({
  runtime: 'bun',
  label: 'pipelined, sessions',
  pool: 'pipelining: 16',
  sessions: true,
});
