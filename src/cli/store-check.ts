/** `limpet store check`: what the store of the config is like, and what of it may cost sessions. */
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { schemeOf, withoutSecrets } from '../store/addresses.ts';
import { redis as redisDescriptor } from '../store/redis-descriptor.ts';
import { type RedisNode, type RedisReport, redisKinds, reportOnRedis } from '../store/redis-report.ts';
import { StoreError } from '../store/store.ts';
import { systemClock, systemTimers } from '../time/clock.ts';
import { inColumns } from './columns.ts';

/** Keys that are looked at, at most: some ten seconds. */
const mostKeys = 1_000_000;
/** Milliseconds by which a clock may differ without a word. */
const clockSlack = 5000;

export interface StoreCheck {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** Throws UsageError when the config has no store, and when that cannot be used. */
export async function checkStore({ sessions, fleet }: LimpetOptions, json: boolean): Promise<StoreCheck> {
  const store = sessions?.store ?? fleet?.store;
  if (store === undefined) throw new UsageError('the config has no store: expected sessions.store, or fleet.store');
  const address = (redisDescriptor.schemes as readonly string[]).includes(schemeOf(store))
    ? redisDescriptor.parse(store)
    : null;
  if (address === null) {
    const text = `store: ${withoutSecrets(store)}, of this machine alone; there is nothing to check\n`;
    return { text: json ? `${JSON.stringify({ store: withoutSecrets(store) })}\n` : text, warnings: [] };
  }
  const timeout = sessions?.timeout ?? fleet!.timeout;
  const { monotonic, wall } = systemClock;
  try {
    const report = await reportOnRedis(address, {
      timeout,
      most: mostKeys,
      now: () => monotonic.call(systemClock),
      wall: () => wall.call(systemClock),
      timers: systemTimers,
    });
    const warnings = warningsOf(report);
    if (json) return { text: `${JSON.stringify({ ...report, warnings }, null, 2)}\n`, warnings: [] };
    return { text: inWords(report), warnings };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new UsageError(`the store cannot be used: ${error.message}`, { cause: error });
  }
}

const modes: Readonly<Record<RedisReport['mode'], string>> = {
  one: 'one server',
  sentinel: 'the master that Sentinel names',
  cluster: 'a cluster',
};

function inWords({ mode, nodes, keys, isPart, sample }: RedisReport): string {
  const head = ['server', 'version', 'file', 'replicas', 'memory', 'at its limit', 'clock'];
  const rows = nodes.map((node) => [
    node.address,
    node.version,
    fileOf(node),
    `${node.replicas}${node.minReplicas === null || node.minReplicas === 0 ? '' : ` (at least ${node.minReplicas})`}`,
    `${megabytes(node.usedBytes)} of ${node.maxBytes === 0 ? 'no limit' : megabytes(node.maxBytes)}`,
    node.policy,
    `${node.clockAheadMs < 0 ? '-' : '+'}${(Math.abs(node.clockAheadMs) / 1000).toFixed(1)} s`,
  ]);
  const counts = redisKinds.map((kind) => `${keys[kind]} ${kind}`).join(', ');
  const lines = [
    `mode: ${modes[mode]}`,
    `keys${isPart ? `, of the first ${mostKeys}` : ''}: ${counts}`,
    ...(sample.live + sample.ended === 0 ? [] : [sampleLine(sample)]),
  ];
  return `${inColumns([head, ...rows])}${lines.map((line) => `${line}\n`).join('')}`;
}

function sampleLine({ live, ended, liveBytes, endedBytes }: RedisReport['sample']): string {
  return `of ${live + ended} sessions: ${live} live, ${liveBytes} bytes each; ${ended} ended, ${endedBytes} bytes each`;
}

function fileOf({ appendFsync }: RedisNode): string {
  if (appendFsync === 'off') return 'none';
  return appendFsync === null ? 'AOF' : `AOF ${appendFsync}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** What may cost sessions, a sentence each. */
export function warningsOf({ nodes, foreign, keys }: RedisReport): string[] {
  const found = nodes.flatMap((node) => flawsOf(node).map((flaw) => `${node.address}: ${flaw}`));
  if (keys.foreign > 0) {
    const names = foreign.map((name) => JSON.stringify(name)).join(', ');
    found.push(
      `${keys.foreign} keys begin as ours do and are not ours: ${names}: give each program a prefix of its own`,
    );
  }
  return found;
}

function flawsOf({ appendFsync, policy, replicas, minReplicas, clockAheadMs }: RedisNode): string[] {
  const flaws: string[] = [];
  if (appendFsync === 'off') {
    flaws.push('found appendonly no: a restart loses all copies, expected appendonly yes and appendfsync always');
  } else if (appendFsync !== null && appendFsync !== 'always') {
    flaws.push(`found appendfsync ${appendFsync}: a crash may lose the last second, expected always`);
  }
  if (policy !== 'noeviction') {
    flaws.push(`found maxmemory-policy ${policy}: at its limit it deletes sessions, expected noeviction`);
  }
  if (replicas > 0 && minReplicas === 0) {
    flaws.push(
      'found min-replicas-to-write 0: a failover may lose what the replicas do not have yet, expected 1 or more, and min-replicas-max-lag 1',
    );
  }
  if (Math.abs(clockAheadMs) > clockSlack) {
    flaws.push(`its clock is ${Math.round(clockAheadMs / 1000)} s ahead of this machine's, expected the same time`);
  }
  return flaws;
}
