/** Checks the bearer token of a request (RFC 6750), and answers 401 when it is not the right one. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer } from './listen.ts';

export class Bearer {
  private readonly wanted: Buffer | null;

  /** '': no token is needed. */
  constructor(token: string) {
    this.wanted = token === '' ? null : digest(`Bearer ${token}`);
  }

  /** False: the request has been answered with 401. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.wanted === null || timingSafeEqual(digest(request.headers.authorization ?? ''), this.wanted)) return true;
    answer(response, 401, { 'www-authenticate': 'Bearer' });
    return false;
  }
}

/** Digests have equal length, so that comparing them takes the same time whatever the token. */
function digest(text: string): Buffer {
  return createHmac('sha256', 'limpet').update(text).digest();
}
