/**
 * Which requests of one loop turn to a server share a connection, and whether they do. Those behind a long or slow answer wait for it,
 * or are sent twice, and the server has answered some of them in vain. After that so many requests go alone, twice as many
 * each time that it happens again, and half of that for each short answer with others behind it.
 */
import { Method, type RequestHead } from '../../http/head.ts';
import { Name } from '../../http/names.ts';
import type { ServerConnection } from './connection.ts';

/** Bytes of body: an answer up to this size may have others behind it. */
export const shortAnswer = 64 * 1024;

/**
 * A GET without a body, which may be repeated, and whose answer has a body as a rule. Not HEAD, OPTIONS, or what may be
 * answered with 304: where an answer has no body, nothing but the rules of HTTP tells where the next one begins, and with a
 * server that breaks them a body that may not be there would be that next answer, for another client (I7).
 */
export function mayShare({ method, length, headers }: RequestHead): boolean {
  const conditional = headers.has(Name.ifNoneMatch) || headers.has(Name.ifModifiedSince);
  return method === Method.get && length === 0 && !conditional;
}

const leastAlone = 16;
const mostAlone = 1024;

export class PipeliningGuard {
  /** The connection that gathers the requests of this loop turn. */
  gathering: ServerConnection | undefined = undefined;
  private alone = 0;
  private caution = 0;

  /** Asked for each request that might: false, it goes alone. */
  allows(): boolean {
    if (this.alone === 0) return true;
    this.alone--;
    return false;
  }

  /** Others are behind an answer of so many bytes, and it is the turn of the next. */
  passed(bytes: number): void {
    if (bytes > shortAnswer) this.requeued();
    else this.caution >>= 1;
  }

  /** Those behind are sent once more. */
  requeued(): void {
    this.caution = Math.min(Math.max(leastAlone, 2 * this.caution), mostAlone);
    this.alone = this.caution;
  }
}
