/** Bearer tokens (RFC 6750): whether a request has the right one. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer } from './listen.ts';

export class Bearer {
  private readonly token: string;

  /** '': no token is needed. */
  constructor(token: string) {
    this.token = token;
  }

  /** False: the request has been answered with 401. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.token === '' || isBearer(request.headers.authorization ?? '', this.token)) return true;
    answer(response, 401, { 'www-authenticate': 'Bearer' });
    return false;
  }
}

/** Whether a field `Authorization` has that token. */
export function isBearer(authorization: string, token: string): boolean {
  return timingSafeEqual(digest(authorization), digest(`Bearer ${token}`));
}

/** Digests have equal length, so that comparing them takes the same time whatever the token. */
function digest(text: string): Buffer {
  return createHmac('sha256', 'limpet').update(text).digest();
}
