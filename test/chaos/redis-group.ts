/**
 * Two Redis servers and a Sentinel, which makes the replica the master when that one is gone. Every command is on disk before it is answered, and
 * before a master is killed its replica has all that it has acknowledged: what a failover may lose otherwise is Redis's own
 * (docs/guide/fleet.md), and no promise of ours.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findProgram } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { Program } from './program.ts';

const host = '127.0.0.1';
const group = 'chaos';
/** Milliseconds for a step of Sentinel or replication. */
const stepLimit = 30_000;

interface Member {
  readonly port: number;
  readonly file: string;
  readonly program: Program;
}

export class RedisGroup {
  readonly name = 'redis group';
  readonly programs: readonly Program[];
  readonly url: string;
  private readonly members: readonly [Member, Member];
  private readonly sentinel: Member;

  constructor([first = 0, second = 0, sentinel = 0]: readonly number[], folder: string) {
    this.members = [memberAt(first, folder), memberAt(second, folder)];
    this.sentinel = memberAt(sentinel, folder, ['--sentinel']);
    this.programs = [...this.members, this.sentinel].map(({ program }) => program);
    this.url = `redis+sentinel://${host}:${sentinel}/${group}`;
  }

  async start(): Promise<void> {
    const [master, replica] = this.members;
    await startAs(master, null);
    await startAs(replica, master.port);
    await untilThere('the replica is in step', () => isInStep(master.port));
    const lines = [
      `port ${this.sentinel.port}`,
      `bind ${host}`,
      `sentinel monitor ${group} ${host} ${master.port} 1`,
      // Not sooner: it would fail over once more while a new master is busy with its first second, and lose what nobody had paused.
      `sentinel down-after-milliseconds ${group} 3000`,
      `sentinel failover-timeout ${group} 3000`,
    ];
    writeFileSync(this.sentinel.file, lines.join('\n'));
    await this.sentinel.program.start();
    await untilThere('the Sentinel knows the replica', () => this.knows(replica));
  }

  /** Kills the master once its replica has all of it. Resolves with that server when the other one is the master. */
  async failOver(): Promise<Member> {
    const port = await this.masterPort();
    const former = this.members.find((one) => one.port === port)!;
    await using admin = connection(port);
    await admin.redis.call('CLIENT', 'PAUSE', String(stepLimit), 'WRITE');
    await untilThere('the replica is in step', () => isInStep(port));
    await former.program.end('SIGKILL');
    await untilThere('the replica is the master', async () => (await this.masterPort()) !== port);
    return former;
  }

  /** That server is the replica of the present master from now on. Resolves when it follows it. */
  async rejoin(member: Member): Promise<void> {
    const port = await this.masterPort();
    await startAs(member, port);
    await untilThere('the former master follows', async () => (await replicationOf(port)).includes('state=online'));
    await untilThere('the Sentinel knows the former master', () => this.knows(member));
  }

  private async masterPort(): Promise<number> {
    await using sentinel = connection(this.sentinel.port);
    const found = (await sentinel.redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', group)) as string[];
    return Number(found[1]);
  }

  private async knows({ port }: Member): Promise<boolean> {
    await using sentinel = connection(this.sentinel.port);
    const replicas = (await sentinel.redis.call('SENTINEL', 'REPLICAS', group)) as string[][];
    return replicas.some((fields) => {
      const of = (name: string) => fields[fields.indexOf(name) + 1];
      return of('port') === String(port) && of('flags') === 'slave' && of('master-link-status') === 'ok';
    });
  }
}

/** The program; throws when it is not installed. */
export function redisServer(): string {
  const file = findProgram('redis');
  if (file === undefined) throw new Error('redis-server is not installed (apt-get install redis-server)');
  return file;
}

function memberAt(port: number, folder: string, options: readonly string[] = []): Member {
  const dir = join(folder, `redis-${port}`);
  mkdirSync(dir);
  const file = join(dir, 'redis.conf');
  const ready = /Ready to accept connections|MASTER <-> REPLICA sync|monitor master/;
  return {
    port,
    file,
    program: new Program({ name: `redis ${port}`, file: redisServer(), args: [file, ...options], ready }),
  };
}

/** `master`: the port of its master; null: it is one. */
async function startAs({ port, file, program }: Member, master: number | null): Promise<void> {
  const lines = [
    `bind ${host}`,
    `port ${port}`,
    `dir ${file.slice(0, file.lastIndexOf('/'))}`,
    'save ""',
    'appendonly yes',
    'appendfsync always',
    ...(master === null ? [] : [`replicaof ${host} ${master}`]),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  await program.start();
}

async function replicationOf(port: number): Promise<string> {
  await using admin = connection(port);
  return await admin.redis.info('replication');
}

/** Its replica has all that it has written. Under writes that is never so: it says once a second how far it is. */
async function isInStep(port: number): Promise<boolean> {
  const info = await replicationOf(port);
  const [, written] = /master_repl_offset:(\d+)/.exec(info) ?? [];
  return info.includes(`state=online,offset=${written},`);
}

function connection(port: number): { readonly redis: Redis } & AsyncDisposable {
  const redis = new Redis(port, host, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => {});
  return { redis, [Symbol.asyncDispose]: async () => redis.disconnect() };
}

/** A server that does not answer is not there yet. */
function untilThere(what: string, check: () => Promise<boolean>): Promise<void> {
  return until(what, () => check().catch(() => false), stepLimit);
}
