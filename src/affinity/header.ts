/** Affinity by a request header whose value names the session. A response may give the client this value first (Mcp-Session-Id). */
import type { FieldKinds } from '../config/field-kinds.ts';
import { Method, type RequestHead, type ResponseHead } from '../http/head.ts';
import type { Affinity, ClientFacts, LearnedId, Recognition, RecognitionView } from './affinity.ts';
import type { AffinityDescriptor, SessionTimes } from './descriptor.ts';
import { checkHeader, headerSource, nextHeader } from './id-sources.ts';
import { checkTimes, fillTimes, type NamedDependencies, Naming, usualIdleMs } from './named.ts';

export interface HeaderOptions extends SessionTimes {
  readonly type: 'header';
  readonly name: string;
  /** A successful DELETE with the header ends the session (as in the Model Context Protocol). */
  readonly endOnDelete: boolean;
}

const nameForm = 'a header name such as X-User, or a map with name';

export const header = {
  type: 'header',
  meaning: 'A header that the client gives, or that a response gave it.',
  hasIds: true,
  learns: true,
  schema({ flag, headerName, map, open, storedTimes, z }: FieldKinds) {
    const fields = map(
      {
        name: headerName.meta({ description: 'Name of the header.' }),
        ...storedTimes(usualIdleMs),
        endOnDelete: open(
          flag(),
          'only for `Mcp-Session-Id`',
          'A DELETE that carries the header and succeeds ends the session, as MCP has it.',
        ),
      },
      nameForm,
    ).transform(
      ({ name, idle, absolute, endOnDelete }): HeaderOptions => ({
        type: 'header',
        name,
        ...fillTimes(idle, absolute),
        endOnDelete: endOnDelete ?? name.toLowerCase() === 'mcp-session-id',
      }),
    );
    return z.union([headerName.transform((name) => fields.parse({ name })), fields], { error: nameForm });
  },
  flag: { value: 'NAME', schema: ({ headerName }: FieldKinds) => headerName, written: (name) => name },
  check(options, report) {
    checkHeader(options.name, [], report);
    checkTimes(options, report);
  },
  sourcesOf: ({ name }) => [headerSource(name)],
  timesOf: (options) => options,
  tableNameOf: ({ name }) => name,
  create: (options, dependencies) => new HeaderAffinity(options, dependencies),
} satisfies AffinityDescriptor<HeaderOptions>;

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

  recognise({ headers }: RequestHead, _client: ClientFacts, now: number, recognition: Recognition): boolean {
    const { naming, header } = this;
    naming.begin();
    for (let i = -1; (i = nextHeader(headers, header, i + 1)) >= 0; )
      if (naming.offer(headers.bytes, headers.valueStart(i), headers.valueEnd(i), now, recognition)) break;
    return naming.recognise(this, now, recognition);
  }

  learn(
    recognition: RecognitionView,
    response: ResponseHead,
    client: ClientFacts,
    _now: number,
    learned: LearnedId,
  ): void {
    const { headers, status } = response;
    const mine = recognition.recognised && recognition.affinity === this;
    // Checked first, because some servers repeat the header in the response to the DELETE.
    if (mine && this.endOnDelete && client.method === Method.delete && status >= 200 && status < 300) {
      learned.state = 'ended';
      return;
    }
    for (let i = -1; (i = nextHeader(headers, this.header, i + 1)) >= 0; )
      if (this.naming.record(headers.bytes, headers.valueStart(i), headers.valueEnd(i), 0, learned)) return;
  }
}
