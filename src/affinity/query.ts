/** Affinity by a query parameter whose value names the session: the same value leads to the same server, also when servers are added. */
import type { FieldKinds } from '../config/field-kinds.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Recognition } from './affinity.ts';
import type { AffinityDescriptor, SessionTimes } from './descriptor.ts';
import { QueryParameter, querySource } from './id-sources.ts';
import { checkTimes, fillTimes, type NamedDependencies, Naming, usualIdleMs } from './named.ts';

export interface QueryOptions extends SessionTimes {
  readonly type: 'query';
  readonly name: string;
}

const nameForm = 'the name of a query parameter, or a map with name';

export const query = {
  type: 'query',
  meaning: 'A query parameter that the client gives.',
  hasIds: true,
  schema({ map, queryName, storedTimes, z }: FieldKinds) {
    const fields = map(
      { name: queryName.meta({ description: 'Name of the query parameter.' }), ...storedTimes(usualIdleMs) },
      nameForm,
    ).transform(({ name, idle, absolute }): QueryOptions => ({ type: 'query', name, ...fillTimes(idle, absolute) }));
    return z.union([queryName.transform((name) => fields.parse({ name })), fields], { error: nameForm });
  },
  flag: { value: 'NAME', schema: ({ queryName }: FieldKinds) => queryName, written: (name) => name },
  check: (options, report) => checkTimes(options, report),
  sourcesOf: ({ name }) => [querySource(name)],
  timesOf: (options) => options,
  tableNameOf: ({ name }) => name,
  create: (options, dependencies) => new QueryAffinity(options, dependencies),
} satisfies AffinityDescriptor<QueryOptions>;

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

  recognise(request: RequestHead, _client: ClientFacts, now: number, recognition: Recognition): boolean {
    const { naming, parameter } = this;
    naming.begin();
    let found = parameter.find(request.bytes, request.pathStart, request.pathEnd);
    while (found && !naming.offer(parameter.bytes, parameter.start, parameter.end, now, recognition))
      found = parameter.next();
    return naming.recognise(this, now, recognition);
  }
}
