/** Affinity by a request header that the client gives, perhaps because a response gave it first (Mcp-Session-Id). */
import type { HeaderOptions } from '../config/options.ts';
import { Method, type RequestHead, type ResponseHead } from '../http/head.ts';
import type { Affinity, ClientFacts, LearnedId, Session } from './affinity.ts';
import { type NamedDependencies, Naming } from './named.ts';
import { nextHeader } from './place.ts';

export class HeaderAffinity implements Affinity {
  readonly name = 'header';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly header: string;
  private readonly endOnDelete: boolean;

  constructor({ name, endOnDelete }: HeaderOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.header = name.toLowerCase();
    this.endOnDelete = endOnDelete;
  }

  recognise({ headers }: RequestHead, _client: ClientFacts, now: number, session: Session): boolean {
    const { naming, header } = this;
    naming.begin();
    for (let i = -1; (i = nextHeader(headers, header, i + 1)) >= 0; )
      if (naming.offer(headers.bytes, headers.valueStart(i), headers.valueEnd(i), now, session)) break;
    return naming.recognise(this, now, session);
  }

  learn(session: Session, response: ResponseHead, client: ClientFacts, _now: number, learned: LearnedId): void {
    const { headers, status } = response;
    const mine = session.recognised && session.affinity === this;
    // Some servers repeat the header even as they delete.
    if (mine && this.endOnDelete && client.method === Method.delete && status >= 200 && status < 300) {
      learned.state = 'ended';
      return;
    }
    for (let i = -1; (i = nextHeader(headers, this.header, i + 1)) >= 0; )
      if (this.naming.record(headers.bytes, headers.valueStart(i), headers.valueEnd(i), 0, learned)) return;
  }
}
