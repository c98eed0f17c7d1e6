/** What a server shows at the balancer's store interface to prove that it has the session secret. */
import { createHmac } from 'node:crypto';

/** The bearer token that follows from the secret: whoever sees it does not learn the secret. */
export function bearerOf(secret: string): string {
  return createHmac('sha256', secret).update('limpet store interface').digest('hex');
}
