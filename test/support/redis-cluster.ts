/** A Redis Cluster on free loopback ports: three primaries, each of which has a third of the slots. */
import { Redis } from 'ioredis';
import { host } from './host.ts';
import { RedisServer } from './redis.ts';
import { until } from './until.ts';

const slots = 16_384;

export class RedisCluster implements AsyncDisposable {
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  /** `empty`: so many primaries more, which have no slot yet. */
  static async start({ empty = 0 } = {}): Promise<RedisCluster> {
    const options = ['--cluster-enabled', 'yes', '--cluster-announce-ip', host, '--cluster-node-timeout', '2000'];
    const servers = await Promise.all(Array.from({ length: 3 + empty }, () => RedisServer.start(...options)));
    const cluster = new RedisCluster(servers);
    await cluster.form();
    return cluster;
  }

  /** As `sessions.store` names it. */
  get url(): string {
    return `redis+cluster://${this.servers.map(({ port }) => `${host}:${port}`).join(',')}`;
  }

  /** Calls `act` with a connection to each server, one after the other. */
  async onEach<T>(act: (admin: Redis, index: number) => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    for (const [index, { url }] of this.servers.entries()) {
      const admin = new Redis(url, { lazyConnect: true });
      await admin.connect();
      results.push(await act(admin, index).finally(() => admin.disconnect()));
    }
    return results;
  }

  /** The slot of all keys with that hash tag. */
  async slotOf(tag: string): Promise<number> {
    const [slot] = await this.onEach((admin) => admin.cluster('KEYSLOT', `{${tag}}`));
    return slot!;
  }

  /** The hash tags of all keys. */
  async tags(): Promise<string[]> {
    const keys = await this.onEach((admin) => admin.keys('*'));
    return [...new Set(keys.flat().flatMap((key) => /\{(.+?)\}/.exec(key)?.[1] ?? []))].sort();
  }

  /** The number of the server that has the slot. */
  async ownerOf(slot: number): Promise<number> {
    const own = await this.onEach(async (admin) => {
      const ranges = await admin.cluster('SLOTS');
      return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
    });
    return this.servers.findIndex(({ port }) => port === own[0]);
  }

  /** Moves a slot with all of its keys, as `redis-cli --cluster reshard` does: so many at a time, and `between` is awaited after each time. */
  async moveSlot(slot: number, from: number, to: number, between = async () => {}, atOnce = 10): Promise<void> {
    const ids = await this.onEach((admin) => admin.cluster('MYID'));
    const source = new Redis(this.servers[from]!.url);
    const target = new Redis(this.servers[to]!.url);
    try {
      await target.cluster('SETSLOT', slot, 'IMPORTING', ids[from]!);
      await source.cluster('SETSLOT', slot, 'MIGRATING', ids[to]!);
      for (;;) {
        const keys = await source.cluster('GETKEYSINSLOT', slot, atOnce);
        if (keys.length === 0) break;
        await source.migrate(host, this.servers[to]!.port, '', 0, 5000, 'KEYS', ...keys);
        await between();
      }
      await target.cluster('SETSLOT', slot, 'NODE', ids[to]!);
      await source.cluster('SETSLOT', slot, 'NODE', ids[to]!);
    } finally {
      source.disconnect();
      target.disconnect();
    }
  }

  private async form(): Promise<void> {
    const [first, ...others] = this.servers;
    await this.onEach(async (admin, index) => {
      // Epochs of their own: otherwise the nodes first have to settle whose claims to the slots count.
      await admin.cluster('SET-CONFIG-EPOCH', index + 1);
      if (index > 2) return;
      const from = Math.ceil((index * slots) / 3);
      await admin.cluster('ADDSLOTSRANGE', from, Math.ceil(((index + 1) * slots) / 3) - 1);
    });
    const admin = new Redis(first!.url);
    for (const { port } of others) await admin.cluster('MEET', host, port);
    admin.disconnect();
    await until('the cluster is whole', async () => {
      const known = await this.onEach(async (node) => {
        const info = await node.cluster('INFO');
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${this.servers.length}`);
      });
      return known.every(Boolean);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }
}
