/** Limpet on Bun with the session protocol on, which the servers of the benchmark do not speak. */
import { limpet } from './limpet.ts';

export const limpetBunSessions = limpet({ runtime: 'bun', label: 'sessions', sessions: true });
