/**
 * An affinity that Limpet does not have, as a person would add one: whoever asks for one subdomain comes to one server. It lies beside
 * the sources, and test/scenarios/registrations.test.ts names it in a copy of their list.
 */
import type { Affinity, ClientFacts, Recognition } from '../../../src/affinity/affinity.ts';
import type { AffinityDescriptor, SessionTimes } from '../../../src/affinity/descriptor.ts';
import { nextHeader } from '../../../src/affinity/id-sources.ts';
import { fillTimes, type NamedDependencies, Naming, usualIdleMs } from '../../../src/affinity/named.ts';
import type { RequestHead } from '../../../src/http/head.ts';

interface SubdomainOptions extends SessionTimes {
  readonly type: 'subdomain';
  /** The domain below which each subdomain is a session. */
  readonly below: string;
}

const domainForm = 'a domain such as example.org, or a map with below';

export const toy = {
  type: 'subdomain',
  meaning: 'The subdomain that the client asks for.',
  hasIds: true,
  schema({ isHostName, map, storedTimes, text, z }) {
    const domain = text('domain', 'a domain such as example.org', (name) => (isHostName(name) ? name : null));
    const fields = map(
      { below: domain.meta({ description: 'The domain above.' }), ...storedTimes(usualIdleMs) },
      domainForm,
    ).transform(
      ({ below, idle, absolute }): SubdomainOptions => ({ type: 'subdomain', below, ...fillTimes(idle, absolute) }),
    );
    return z.union([domain.transform((below) => fields.parse({ below })), fields], { error: domainForm });
  },
  flag: {
    value: 'DOMAIN',
    schema: ({ isHostName, text }) =>
      text('domain', 'a domain such as example.org', (name) => (isHostName(name) ? name : null)),
    written: (below) => below,
  },
  check(_options, report) {
    if (report.pool.servers.length === 1) report.warning([], 'says nothing: the pool has one server');
  },
  sourcesOf: ({ below }) => [{ text: `host below ${below}`, quoted: `the host below ${below}` }],
  timesOf: (options) => options,
  tableNameOf: ({ below }) => below,
  create: (options, dependencies) => new SubdomainAffinity(options, dependencies),
} satisfies AffinityDescriptor<SubdomainOptions>;

class SubdomainAffinity implements Affinity {
  readonly name = 'subdomain';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly end: Buffer;

  constructor({ below }: SubdomainOptions, dependencies: NamedDependencies) {
    this.lifetime = dependencies.lifetime;
    this.naming = new Naming(dependencies);
    this.end = Buffer.from(`.${below}`);
  }

  recognise({ headers, bytes }: RequestHead, _client: ClientFacts, now: number, found: Recognition): boolean {
    this.naming.begin();
    const host = nextHeader(headers, 'host', 0);
    if (host >= 0) {
      const start = headers.valueStart(host);
      const end = bytes.subarray(0, headers.valueEnd(host)).indexOf(this.end, start);
      this.naming.offer(bytes, start, end, now, found);
    }
    return this.naming.recognise(this, now, found);
  }
}
