/** The balancer's answer to the client, read back from its bytes. */
import { ResponseHead } from '../http/head.ts';

export interface ClientResponse {
  readonly status: number;
  /** Without the token. */
  readonly setCookies: readonly string[];
  /** Why the balancer answered by itself; null when a server did. */
  readonly reason: string | null;
  readonly location: string | null;
}

/** The answer is our own: its limits are wide. */
export function readResponse(bytes: Buffer): ClientResponse {
  const head = new ResponseHead({ headBytes: bytes.length + 1, headers: 1000, uriBytes: 0 });
  if (head.read(bytes, 0, bytes.length) <= 0) throw new Error('the balancer gave no answer');
  const setCookies: string[] = [];
  let reason: string | null = null;
  let location: string | null = null;
  for (let i = 0; i < head.headers.count; i++) {
    const name = bytes.toString('latin1', head.headers.lineStart(i), head.headers.nameEnd(i));
    // The token is a credential, and explanations end up in tickets.
    if (name === 'Set-Cookie') setCookies.push(head.headers.value(i).replace(/=[^;]*/, '=<token>'));
    else if (name === 'Limpet-Reason') reason = head.headers.value(i);
    else if (name === 'Location') location = head.headers.value(i);
  }
  return { status: head.status, setCookies, reason, location };
}
