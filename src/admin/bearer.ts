/** Whether a request shows the bearer token that it must (RFC 6750), and the answer when it does not. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer } from './listen.ts';

export class Bearer {
  private readonly wanted: Buffer | null;

  /** '': none is asked for. */
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

/** Of equal length, so that comparing takes equal time. */
function digest(text: string): Buffer {
  return createHmac('sha256', 'limpet').update(text).digest();
}
