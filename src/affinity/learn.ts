/**
 * Affinity by the app's own session id (JSESSIONID, PHPSESSID, connect.sid and the like): learned where a response gives
 * it, followed where requests bring it. The id stays the app's: nothing is added to it, and nothing is told to the client.
 */
import type { LearnOptions } from '../config/options.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { Headers } from '../http/headers.ts';
import { Name } from '../http/names.ts';
import { SetCookie } from '../http/set-cookie.ts';
import type { Affinity, ClientFacts, LearnedId, Session } from './affinity.ts';
import { type NamedDependencies, Naming } from './named.ts';
import { nextHeader, PathParameter, QueryParameter } from './place.ts';

export class LearnAffinity implements Affinity {
  readonly name = 'learn';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly cookie: Uint8Array | null;
  private readonly header: string;
  private readonly query: QueryParameter | null;
  private readonly parameter: PathParameter | null;
  private readonly scan = new CookieScan();
  private readonly setCookie = new SetCookie();

  constructor({ cookie, header, query, parameter }: LearnOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.cookie = cookie === '' ? null : Buffer.from(cookie, 'latin1');
    this.header = header.toLowerCase();
    this.query = query === '' ? null : new QueryParameter(query);
    this.parameter = parameter === '' ? null : new PathParameter(parameter);
  }

  recognise(request: RequestHead, _client: ClientFacts, now: number, session: Session): boolean {
    this.naming.begin();
    this.offerNames(request, now, session);
    return this.naming.recognise(this, now, session);
  }

  private offerNames({ headers, bytes, pathStart, pathEnd }: RequestHead, now: number, session: Session): void {
    const { naming, scan, query, parameter } = this;
    if (this.cookie !== null) {
      scan.begin(headers, this.cookie, null);
      while (scan.next()) if (naming.offer(bytes, scan.valueStart, scan.valueEnd, now, session)) return;
    }
    if (this.header !== '') {
      for (let i = -1; (i = nextHeader(headers, this.header, i + 1)) >= 0; )
        if (naming.offer(bytes, headers.valueStart(i), headers.valueEnd(i), now, session)) return;
    }
    for (let found = query?.find(bytes, pathStart, pathEnd); found; found = query!.next())
      if (naming.offer(query!.bytes, query!.start, query!.end, now, session)) return;
    for (let found = parameter?.find(bytes, pathStart, pathEnd); found; found = parameter!.next())
      if (naming.offer(bytes, parameter!.start, parameter!.end, now, session)) return;
  }

  learn(session: Session, { headers }: ResponseHead, _client: ClientFacts, now: number, learned: LearnedId): void {
    const deleted = this.cookie !== null && this.learnCookie(this.cookie, headers, now, learned);
    if (learned.state === 'named') return;
    const { naming, parameter } = this;
    if (this.header !== '') {
      for (let i = -1; (i = nextHeader(headers, this.header, i + 1)) >= 0; )
        if (naming.record(headers.bytes, headers.valueStart(i), headers.valueEnd(i), 0, learned)) return;
    }
    if (parameter !== null) {
      const i = nextHeader(headers, 'location', 0);
      if (i >= 0 && parameter.find(headers.bytes, headers.valueStart(i), headers.valueEnd(i)))
        naming.record(headers.bytes, parameter.start, parameter.end, 0, learned);
    }
    if (deleted && learned.state === 'nothing' && session.recognised && session.affinity === this)
      learned.state = 'ended';
  }

  /** True when a line deletes the cookie. Apps delete on one path and set on another: the last that sets it counts. */
  private learnCookie(cookie: Uint8Array, headers: Headers, now: number, learned: LearnedId): boolean {
    let deleted = false;
    if (!headers.has(Name.setCookie)) return false;
    for (let i = headers.first(Name.setCookie); i < headers.count; i++) {
      if (headers.id(i) !== Name.setCookie || !this.setCookie.read(headers, i, cookie)) continue;
      const { valueStart, valueEnd } = this.setCookie;
      const expires = this.setCookie.expiry(now);
      if (expires < 0) deleted = true;
      else this.naming.record(headers.bytes, valueStart, valueEnd, expires, learned);
    }
    return deleted;
  }
}
