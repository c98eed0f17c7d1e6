/**
 * The token keys while the balancer runs: which there are, and how another one takes their place at all nodes of a fleet.
 *
 *      a b   ── rotate: all verify with c ──>   a b c   ── all have told so: it signs ──>   c a b   ── retire ──>   c
 */
import { randomBytes } from 'node:crypto';
import type { KeyList } from '../admin/schemas.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { FleetKeyHolder } from '../nodes/fleet-keys.ts';
import { type KeyRing, mostKeys, nameOfKey, type RingKey } from '../nodes/key-ring.ts';
import type { Clock } from '../time/clock.ts';
import type { ConfigRollout } from './config-rollout.ts';
import type { FleetNodes } from './fleet-nodes.ts';

export interface KeyControlDependencies {
  readonly options: () => LimpetOptions;
  readonly rollout: Pick<ConfigRollout, 'hasOwnKeys'>;
  /** null: there is no fleet. */
  readonly keys: FleetKeyHolder | null;
  readonly fleet: Pick<FleetNodes, 'changeRing'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: { info(message: string): void };
}

const keyBytes = 32;

export class KeyControl {
  private readonly deps: KeyControlDependencies;

  constructor(deps: KeyControlDependencies) {
    this.deps = deps;
  }

  list(): KeyList {
    const { options, keys, rollout } = this.deps;
    const ring = rollout.hasOwnKeys ? null : (keys?.ring ?? null);
    const madeAt = new Map(ring?.map(({ key, made }) => [nameOfKey(key), new Date(made).toISOString()]));
    return {
      source: rollout.hasOwnKeys ? 'config' : ring === null ? 'state' : 'fleet',
      keys: options().keys.map((key, i) => {
        const name = nameOfKey(key);
        return { name, use: i === 0 ? 'signs' : 'verifies', made: madeAt.get(name) ?? null };
      }),
    };
  }

  /** A new key signs from now on, and the others verify. Rejects with UsageError when that cannot be; then the old one signs still. */
  async rotate(): Promise<KeyList> {
    const before = this.changeable('rotate');
    const begun = newestOf(before);
    if (begun === before[0]) {
      if (before.length >= mostKeys) throw new UsageError(`there are ${mostKeys} keys already: limpet keys retire`);
      await this.change(before, [...before, { key: randomBytes(keyBytes), made: Math.round(this.deps.clock.now()) }]);
    } else await this.change(before, before);
    const ring = this.changeable('rotate');
    const newest = newestOf(ring);
    await this.change(ring, [newest, ...ring.filter((one) => one !== newest)]);
    this.deps.log.info(`keys: ${nameOfKey(newest.key)} signs from now on, at all nodes`);
    return this.list();
  }

  /** Only the first key is left. Cookies that another one has signed are not valid any more. Rejects with UsageError as `rotate` does. */
  async retire(): Promise<KeyList> {
    const before = this.changeable('retire');
    const [first] = before;
    if (first === undefined || newestOf(before) !== first)
      throw new UsageError('a rotation has begun and is not over: limpet keys rotate ends it');
    if (before.length > 1) await this.change(before, [first]);
    return this.list();
  }

  private changeable(what: string): KeyRing {
    const { keys, rollout } = this.deps;
    if (rollout.hasOwnKeys)
      throw new UsageError(`the config has keys: ${what} them there (keys: [new, old]), and reload every balancer`);
    if (keys === null)
      throw new UsageError(`this balancer has no fleet: give it keys in the config (keys: [new, old]) to ${what} them`);
    return keys.ring ?? [];
  }

  private async change(before: KeyRing, ring: KeyRing): Promise<void> {
    const result = await this.deps.fleet.changeRing(before, ring);
    if (result === 'overtaken') throw new UsageError('another node changes the keys at this moment: try again');
    if (result.pending.length === 0) return;
    throw new UsageError(
      `found ${result.pending.join(', ')} without the new keys, expected all nodes to have them: try again when they do, or are gone`,
    );
  }
}

/** Of keys that were made at one time, the first. */
function newestOf(ring: KeyRing): RingKey {
  const [first, ...rest] = ring;
  if (first === undefined) throw new UsageError('there are no keys');
  return rest.reduce((newest, one) => (one.made > newest.made ? one : newest), first);
}
