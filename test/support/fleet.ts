/**
 * A fleet as its users have it: a real Redis, or a cluster of three, several balancers, and servers that write down what they are asked, each a process of its
 * own that a test kills, cuts off, drains and adds. All pools have the same servers; each kind of affinity is a pool (fleet-clients.ts).
 *
 *      clients ── nodes ── servers
 *                   └─wire── Redis       (a cluster says itself where it is: there is no wire)
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wire } from '../chaos/wire.ts';
import { affinities, fleetAuthority, type Kind } from './fleet-clients.ts';
import { readVisitLog, type Visit } from './fleet-visits.ts';
import { host } from './host.ts';
import { type Limpet, startLimpet } from './limpet.ts';
import { type ServerProcess, startServer, until } from './peers.ts';
import { RedisServer } from './redis.ts';
import { RedisCluster } from './redis-cluster.ts';
import type { Runtime } from './runtimes.ts';
import { CertificateFiles } from './secure-client.ts';
import { ServerApi } from './server-api.ts';

type Fields = Readonly<Record<string, unknown>>;

export const storeKinds = ['redis', 'cluster'] as const;
export type StoreKind = (typeof storeKinds)[number];

export interface FleetSetup {
  /** Default 2. */
  readonly nodes?: number;
  /** Default three. */
  readonly servers?: readonly string[];
  /** The pools. */
  readonly kinds: readonly Kind[];
  /** Of each pool, beside its servers and its affinity. */
  readonly pool?: Fields;
  /** Of the affinity of each kind, beside what it has. */
  readonly affinity?: Fields;
  /** Of `fleet`, beside its store. */
  readonly fleet?: Fields;
  /** Of the config. */
  readonly config?: Fields;
  readonly env?: Readonly<Record<string, string>>;
  /** Default one Redis. */
  readonly store?: StoreKind;
}

const app = new URL('./apps/fleet-server.ts', import.meta.url);
/** The same at all nodes, so that each reads the cookies of the others. */
const keys = ['f1'.repeat(32)];

export async function startFleet(runtime: Runtime, setup: FleetSetup): Promise<TestFleet> {
  const { nodes = 2, servers = ['a', 'b', 'c'], store = 'redis' } = setup;
  const fleet = new TestFleet(runtime, setup, await (store === 'redis' ? RedisServer : RedisCluster).start());
  try {
    await Promise.all(servers.map((name) => fleet.startServer(name)));
    for (let n = 0; n < nodes; n++) await fleet.addNode();
    return fleet;
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

export class TestFleet implements AsyncDisposable {
  readonly nodes: FleetNode[] = [];
  readonly servers = new Map<string, ServerProcess>();
  /** Those of the config of a node that starts. */
  readonly listed = new Set<string>();
  readonly store: RedisServer | RedisCluster;
  readonly runtime: Runtime;
  readonly setup: FleetSetup;
  /** Of all that outlives a process. */
  readonly folder = mkdtempSync(join(tmpdir(), 'limpet-fleet-'));
  /** `tls` of the listener for clients with certificates. */
  private readonly tls: Fields;

  private readonly files = new CertificateFiles();
  private started = 0;

  constructor(runtime: Runtime, setup: FleetSetup, store: RedisServer | RedisCluster) {
    this.runtime = runtime;
    this.setup = setup;
    this.store = store;
    const { files } = this;
    this.tls = {
      certificates: [files.pair('node', fleetAuthority.issue(['127.0.0.1']))],
      clientCertificates: { ca: files.put('clients.pem', fleetAuthority.cert) },
    };
  }

  get redis(): RedisServer {
    if (this.store instanceof RedisCluster) throw new Error('the store is a cluster');
    return this.store;
  }

  get cluster(): RedisCluster {
    if (this.store instanceof RedisServer) throw new Error('the store is no cluster');
    return this.store;
  }

  /** Starts a further one, with all servers that there are: n1, n2, ... */
  async addNode(): Promise<FleetNode> {
    const { store } = this;
    const link = store instanceof RedisServer ? await Wire.open('store', store.port, host) : null;
    const node = new FleetNode(this, `n${++this.started}`, link);
    this.nodes.push(node);
    await node.start();
    return node;
  }

  /** It is gone for good. */
  async removeNode(node: FleetNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    await node[Symbol.asyncDispose]();
  }

  /** A new one, or one that was killed, at its old place. `isListed`: nodes that start have it in their config. */
  async startServer(name: string, isListed = true): Promise<ServerProcess> {
    const server = await startServer(app, join(this.folder, name), this.servers.get(name)?.port);
    const named = { ...server, name };
    this.servers.set(name, named);
    if (isListed) this.listed.add(name);
    return named;
  }

  server(name: string): ServerProcess {
    const found = this.servers.get(name);
    if (found === undefined) throw new Error(`there is no server ${name}`);
    return found;
  }

  /** What the servers have written down, in the order of time. */
  visits(): Visit[] {
    const all = [...this.servers.keys()].flatMap((name) =>
      readVisitLog(name, readFileSync(join(this.folder, `${name}.log`), 'utf8')),
    );
    return all.sort((a, b) => a.at - b.at);
  }

  /** The servers that have seen the session, one after the other. */
  pathOf(session: string): string[] {
    const servers = this.visits().flatMap((visit) => (visit.session === session ? [visit.server] : []));
    return servers.filter((server, n) => server !== servers[n - 1]);
  }

  /** The config of a node, with these servers. */
  config(node: FleetNode, names: readonly string[] = [...this.listed]): Record<string, unknown> {
    const { kinds, pool, affinity, fleet, config } = this.setup;
    const servers = names.map((name) => ({ name, address: this.server(name).address }));
    const hasCopies = kinds.includes('library');
    const pools = kinds.map((kind) => {
      const sessions = hasCopies && kind !== 'library' ? { sessions: false } : {};
      return [kind, { servers, affinity: [affinityOf(kind, affinity)], ...sessions, ...pool }];
    });
    return {
      listeners: [
        { address: '127.0.0.1:0', trustedProxies: ['127.0.0.0/8'] },
        ...(kinds.includes('certificate') ? [{ address: '127.0.0.1:0', tls: this.tls }] : []),
      ],
      pools: Object.fromEntries(pools),
      routes: kinds.map((kind) => ({ match: { path: `/${kind}/` }, pool: kind })),
      ...(hasCopies && { sessions: {} }),
      keys,
      fleet: { store: node.store, name: node.name, ...fleet },
      ...config,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
    await Promise.all([...this.servers.values()].map((server) => server.kill()));
    await this.store[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
    this.files[Symbol.dispose]();
  }
}

/** Fields go to an affinity that is written as a map. */
function affinityOf(kind: Kind, fields: Fields = {}): unknown {
  const affinity: unknown = affinities[kind];
  if (typeof affinity !== 'object' || Object.keys(fields).length === 0) return affinity;
  const [[name, value]] = Object.entries(affinity as Fields) as [[string, unknown]];
  return { [name]: typeof value === 'object' ? { ...value, ...fields } : value };
}

export class FleetNode implements AsyncDisposable {
  readonly name: string;
  private readonly link: Wire | null;
  private readonly fleet: TestFleet;
  private readonly folder: string;
  private limpet: Limpet | null = null;

  constructor(fleet: TestFleet, name: string, link: Wire | null) {
    this.fleet = fleet;
    this.name = name;
    this.link = link;
    this.folder = join(fleet.folder, name);
    mkdirSync(this.folder);
    writeFileSync(this.clock, '0');
  }

  /** Where it listens, in its present life. Nobody listens at port 1 of this machine. */
  get url(): string {
    return this.limpet?.url ?? 'http://127.0.0.1:1';
  }

  /** Its listener for clients with certificates. */
  get secureUrl(): string {
    return `https://${this.limpet?.addresses[1] ?? '127.0.0.1:1'}`;
  }

  get process(): Limpet {
    if (this.limpet === null) throw new Error(`${this.name} does not run`);
    return this.limpet;
  }

  /** Between it and the store. */
  get wire(): Wire {
    if (this.link === null) throw new Error('there is no wire to a cluster');
    return this.link;
  }

  get store(): string {
    return this.link === null ? this.fleet.store.url : `redis://127.0.0.1:${this.link.port}`;
  }

  /** With the state folder of its earlier lives. */
  async start(): Promise<void> {
    const { fleet, clock } = this;
    const env = {
      LIMPET_STATE: join(this.folder, 'state'),
      NODE_ENV: 'test',
      LIMPET_TEST_CLOCK: clock,
      ...fleet.setup.env,
    };
    this.limpet = await startLimpet(fleet.runtime, { config: fleet.config(this), env });
  }

  /** Ends it, as a crash does unless told otherwise. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { limpet } = this;
    this.limpet = null;
    await limpet?.stop(signal);
    await limpet?.[Symbol.asyncDispose]();
  }

  /** Its wall clock differs from the machine's by so many milliseconds. */
  setClock(offsetMs: number): void {
    writeFileSync(this.clock, String(offsetMs));
  }

  async reload(names: readonly string[]): Promise<void> {
    await this.process.reload(this.fleet.config(this, names));
  }

  counters(): Promise<Record<string, number>> {
    return this.process.counters();
  }

  /** What an operator says of a server here, in every pool. */
  async tell(server: string, state: 'drain' | 'ready' | 'down'): Promise<void> {
    for (const pool of this.fleet.setup.kinds) await this.api.send('PATCH', `/servers/${pool}/${server}`, { state });
  }

  /** Resolves when this node says that of the server. */
  async untilState(server: string, state: string): Promise<void> {
    await until(`${server} is ${state} at ${this.name}`, async () => {
      const found = (await this.api.servers()).filter(({ name }) => name === server);
      return found.length > 0 && found.every((one) => one.state === state);
    });
  }

  get api(): ServerApi {
    return new ServerApi({ folder: this.folder });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.link?.close();
  }

  private get clock(): string {
    return join(this.folder, 'clock');
  }
}
