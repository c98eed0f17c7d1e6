/** A session's side of a response, driven by hand: for tests of the gates. */
import type { Exchange, HeaderLines } from '../../../src/session/exchange.ts';
import type { Session } from '../../../src/session/session.ts';

/** What a gate gets from the store: at once, later, or never. */
type Lines = HeaderLines | Promise<HeaderLines>;

export class FakeExchange implements Exchange {
  /** What the gate has called, in order; `also` adds what happened beside it. */
  readonly calls: string[] = [];
  /** What `beforeHead` and `beforeEnd` return, or throw. */
  atHead: () => Lines = () => [];
  atEnd: () => Lines = () => [];
  readonly session: Session = Object.create(null);

  beforeHead(): Lines {
    this.calls.push('beforeHead');
    return this.atHead();
  }

  beforeEnd(canTrail: boolean): Lines {
    this.calls.push(canTrail ? 'beforeEnd, trailers' : 'beforeEnd');
    return this.atEnd();
  }

  fail(): void {
    this.calls.push('fail');
  }

  markHeadSent(): void {
    this.calls.push('markHeadSent');
  }

  close(isSent: boolean): void {
    this.calls.push(isSent ? 'close, sent' : 'close, not sent');
  }

  refresh(): undefined {}
  renew(): undefined {}
  setMerge(): void {}
  setCookieSettings(): void {}
}

/** A store that answers when the test says so. */
export function pendingLines() {
  const { promise, resolve, reject } = Promise.withResolvers<HeaderLines>();
  return { promise, resolve, reject };
}
