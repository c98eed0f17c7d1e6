/** The response that a client gets when its session could not be opened or stored, as long as the head is not sent. */
import { SessionError } from '../error.ts';

export const failureText = 'Your session could not be kept. What you did has not been done; please try again.\n';

/** Headers that say so to the balancer, and that no cache may keep it. */
export function failureHeaders(error: Error): Readonly<Record<string, string>> {
  return {
    'Limpet-Reason': error instanceof SessionError ? error.code : 'session-error',
    'Cache-Control': 'no-store',
  };
}
