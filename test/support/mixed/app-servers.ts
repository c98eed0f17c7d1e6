/** The app servers of a run: their processes, which of them are in the config, and the record of what was done to them. */
import { join } from 'node:path';
import type { Limpet } from '../limpet.ts';
import { type ServerProcess, startServer, until as waitUntil } from '../peers.ts';
import type { Outage } from './checker.ts';
import { mixedPools, type Times } from './kinds.ts';
import { microseconds } from './record.ts';

const app = new URL('./app.ts', import.meta.url);

export interface AppSettings {
  /** Of the balancer. */
  readonly workers: number;
  readonly times?: Times;
  /** The balancer's table; left out, as large as it is by default. */
  readonly table?: Readonly<Record<string, unknown>>;
}

export class AppServers implements AsyncDisposable {
  limpet: Limpet | null = null;
  readonly outages: Outage[] = [];
  readonly timeline: string[] = [];
  private readonly folder: string;
  private readonly settings: AppSettings;
  private readonly began = microseconds();
  private readonly processes = new Map<string, ServerProcess>();
  private readonly configured = new Set<string>();

  constructor(folder: string, settings: AppSettings) {
    this.folder = folder;
    this.settings = settings;
  }

  get names(): string[] {
    return [...this.processes.keys()];
  }

  config(): Record<string, unknown> {
    const servers = [...this.configured].map((name) => ({ name, address: this.processes.get(name)?.address ?? '' }));
    const { workers, times, table = {} } = this.settings;
    const pools = mixedPools(servers, times, {
      balance: 'least-requests',
      health: {
        path: '/healthz',
        interval: '500ms',
        // One that is killed refuses at once; one that is only slow on a busy machine is no outage.
        timeout: '5s',
        rise: 1,
        fall: 3,
        passive: { ejection: '1s', maxEjection: '1s' },
      },
    });
    const listeners = [{ address: '127.0.0.1:0', trustedProxies: ['127.0.0.1'], timeouts: { keepAlive: '5m' } }];
    return { workers, table, listeners, identify: true, ...pools };
  }

  async start(names: string | readonly string[]): Promise<void> {
    for (const name of [names].flat()) {
      this.say('start', name);
      const until = microseconds();
      const server = await startServer(app, join(this.folder, name), this.processes.get(name)?.port);
      await knownAsBack(this.limpet, name);
      this.end(name, 'killed', until);
      if (!this.processes.has(name)) this.configured.add(name);
      this.processes.set(name, server);
    }
  }

  async kill(name: string): Promise<void> {
    this.say('kill', name);
    const from = microseconds();
    await this.processes.get(name)?.kill('SIGKILL');
    this.begin(name, 'killed', from);
  }

  async add(name: string): Promise<void> {
    if (!this.processes.has(name)) await this.start(name);
    this.say('add', name);
    this.configured.add(name);
    const until = microseconds();
    await this.reload();
    this.end(name, 'removed', until);
  }

  /** The process goes on: a request that still comes to it shows in its log. */
  async remove(name: string): Promise<void> {
    this.say('remove', name);
    const from = microseconds();
    this.configured.delete(name);
    await this.reload();
    this.begin(name, 'removed', from);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.processes.values()].map((server) => server.kill()));
  }

  private async reload(): Promise<void> {
    await this.limpet?.reload(this.config());
  }

  private begin(server: string, cause: Outage['cause'], from: number): void {
    this.outages.push({ server, cause, from, gone: microseconds(), until: Infinity, back: Infinity });
  }

  private end(server: string, cause: Outage['cause'], until: number): void {
    const at = this.outages.findLastIndex((one) => one.server === server && one.cause === cause);
    const open = this.outages[at];
    if (open?.back === Infinity) this.outages[at] = { ...open, until, back: microseconds() };
  }

  private say(action: string, name: string): void {
    this.timeline.push(`${((microseconds() - this.began) / 1e6).toFixed(1)} s ${action} ${name}`);
  }
}

/** On a busy machine a server may listen for seconds before a health check gets its answer in time: until then it is out. */
async function knownAsBack(limpet: Limpet | null, name: string): Promise<void> {
  if (limpet === null) return;
  await waitUntil(`server ${name} is back in every pool`, () => !isDown(limpet.stderr(), name), 20_000);
}

/** By the last word of the balancer's log on it, in any pool. */
function isDown(log: string, name: string): boolean {
  const states = new Map<string, string>();
  for (const [, pool = '', server, state = ''] of log.matchAll(/server (\S+)\/(\S+) is (out|back|tried again)\b/g)) {
    if (server === name) states.set(pool, state);
  }
  return [...states.values()].includes('out');
}
