/** Affinity by a query parameter: whoever gives the same key gets the same server, also when servers are added. */
import type { QueryOptions } from '../config/options.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Session } from './affinity.ts';
import { type NamedDependencies, Naming } from './named.ts';
import { QueryParameter } from './place.ts';

export class QueryAffinity implements Affinity {
  readonly name = 'query';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly parameter: QueryParameter;

  constructor({ name }: QueryOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.parameter = new QueryParameter(name);
  }

  recognise(request: RequestHead, _client: ClientFacts, now: number, session: Session): boolean {
    const { naming, parameter } = this;
    naming.begin();
    let found = parameter.find(request.bytes, request.pathStart, request.pathEnd);
    while (found && !naming.offer(parameter.bytes, parameter.start, parameter.end, now, session))
      found = parameter.next();
    return naming.recognise(this, now, session);
  }
}
