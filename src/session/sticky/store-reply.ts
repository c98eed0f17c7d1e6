/** What the store interface answers, and the errors that its refusals are. */
import type { IncomingMessage } from 'node:http';
import { SessionError } from '../error.ts';
import { readFields, requestHeader, rotateHeader } from './protocol.ts';

export interface StoreReply {
  readonly status: number;
  /** The word with which the store interface says what its status means; '' when another program has answered. */
  readonly outcome: string;
  /** The fields of the session. */
  readonly fields: ReadonlyMap<string, string>;
  /** The fields of a change of its id. */
  readonly rotation: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export async function readReply(response: IncomingMessage, maxBytes: number): Promise<StoreReply> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response) {
    const bytes = Buffer.from(piece);
    size += bytes.length;
    if (size > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`);
    pieces.push(bytes);
  }
  const text = (name: string) => {
    const value = response.headers[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    status: response.statusCode ?? 0,
    outcome: text('limpet-store'),
    fields: readFields(text(requestHeader)),
    rotation: readFields(text(rotateHeader.toLowerCase())),
    body: Buffer.concat(pieces),
  };
}

/**
 * A status counts only with the word of the store interface: a 404 of a proxy in between, or of another program on that port, does not
 * mean that nothing is stored.
 */
export function isReply({ status, outcome }: StoreReply, expectedStatus: number, expectedOutcome: string): boolean {
  return status === expectedStatus && outcome === expectedOutcome;
}

/** `action`: what was asked for, for the message. */
export function errorOf(reply: StoreReply, action: string): SessionError {
  const { status, outcome, fields } = reply;
  if (isReply(reply, 409, 'fenced')) {
    const epoch = fields.get('epoch');
    const by = epoch === undefined ? 'somebody else' : `epoch ${epoch}`;
    return new SessionError('session-fenced', `${action} was refused: ${by} owns it now`);
  }
  if (isReply(reply, 410, 'ended')) return new SessionError('session-ended', `${action} was refused: it has ended`);
  if (isReply(reply, 413, 'too-large'))
    return new SessionError('state-too-large', `${action} was refused: its state is too large for the store`);
  if (isReply(reply, 503, 'ending'))
    return new SessionError('session-ending', `${action} was refused: it is over, and the store has yet to be told`);
  if (isReply(reply, 501, 'no-copies'))
    return storeFailed(
      `${action}: the balancer keeps no copies of sessions (sessions.replication: none); expected sync or async`,
    );
  if (isReply(reply, 421, 'unknown-server'))
    return storeFailed(`${action}: this server has left the balancer's config`);
  if (status === 401) return storeFailed(`${action} answered 401: it has another secret`);
  if (outcome === '')
    return storeFailed(
      `${action} answered ${status} without Limpet-Store: found something else than the store interface`,
    );
  return storeFailed(`${action} answered ${status} (${outcome})`);
}

export function storeFailed(message: string, cause?: unknown): SessionError {
  return new SessionError('session-store', `the store interface failed: ${message}`, { cause });
}
