/**
 * The secret of the fleet and its ring of token keys, before the balancer starts: those of the store, or the first ones in it. A
 * private copy in the state folder serves while the store is away.
 */
import { join } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { readPrivate, replacePrivate } from '../secrets/private-file.ts';
import type { TextStore } from './fleet-store.ts';
import { formatRing, type KeyRing, parseHexKey, parseRing, ringForm, ringOf } from './key-ring.ts';
import { storeNames } from './store-names.ts';

/** The copy, in the state folder. */
export const fleetKeyFile = 'fleet.key';

export interface FleetKeys {
  /** Key of the hashes under which all nodes know sessions. */
  readonly secret: Buffer;
  /** null: the config has keys. */
  readonly ring: KeyRing | null;
}

/** The keys in use, which an operator may change while the balancer runs. */
export class FleetKeyHolder {
  readonly secret: Buffer;
  private current: KeyRing | null;
  private readonly stateDir: string;
  private readonly log: { warn(message: string): void };

  constructor(keys: FleetKeys, stateDir: string, log: { warn(message: string): void }) {
    this.secret = keys.secret;
    this.current = keys.ring;
    this.stateDir = stateDir;
    this.log = log;
  }

  /** null: the config has keys. */
  get ring(): KeyRing | null {
    return this.current;
  }

  /** The copy in the state folder has it, too. */
  use(ring: KeyRing): void {
    this.current = ring;
    keepFleetKeys(this.stateDir, { secret: this.secret, ring }, this.log);
  }
}

export interface FleetKeysDependencies {
  readonly stateDir: string;
  /** The config has token keys: those of the store are not asked for. */
  readonly hasKeys: boolean;
  /** Opens the store; null with the reason when it does not answer. */
  readonly open: () => Promise<TextStore>;
  /** The secret and the token key of a balancer that was alone so far: made when there is none. */
  readonly ownSecret: () => Buffer;
  readonly ownKey: () => Buffer;
  /** Unix ms. */
  readonly now: () => number;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/**
 * Throws UsageError when the store does not answer and there is no copy, and when store or copy hold something else than keys.
 */
export async function findFleetKeys(deps: FleetKeysDependencies): Promise<FleetKeys> {
  const { stateDir, hasKeys, log } = deps;
  const file = join(stateDir, fleetKeyFile);
  const copy = readFleetKeys(stateDir);
  let found: FleetKeys;
  try {
    found = await agreeOn(await deps.open(), copy, deps);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    if (copy === null || (copy.ring === null && !hasKeys)) {
      const what = copy === null ? 'is not there' : 'has no token keys';
      throw new UsageError(
        `fleet.store does not answer (${reason}), and ${file}, the copy of the keys of the fleet, ${what}: start when it answers`,
        { cause: error },
      );
    }
    log.warn(`fleet.store does not answer (${reason}): the keys of the fleet are those of ${file}`);
    return hasKeys ? { ...copy, ring: null } : copy;
  }
  const kept = { secret: found.secret, ring: found.ring ?? copy?.ring ?? null };
  if (copy === null || formatKeys(kept) !== formatKeys(copy)) keepFleetKeys(stateDir, kept, log);
  return found;
}

/** The copy in that state folder, null when there is none. Throws UsageError when it holds something else, or others may open it. */
export function readFleetKeys(stateDir: string): FleetKeys | null {
  const file = join(stateDir, fleetKeyFile);
  const text = readPrivate(file);
  if (text === null) return null;
  const keys = parseKeys(text);
  if (keys !== null) return keys;
  throw new UsageError(`${file} holds no keys of a fleet: remove it, and those of the store are copied`);
}

/** Writes the copy. One that cannot be written is a warning: the store has the keys. */
export function keepFleetKeys(stateDir: string, keys: FleetKeys, log: { warn(message: string): void }): void {
  const file = join(stateDir, fleetKeyFile);
  try {
    replacePrivate(file, `${formatKeys(keys)}\n`);
  } catch (error) {
    const then = 'without it this balancer does not start while fleet.store is away';
    log.warn(`the keys of the fleet cannot be copied to ${file} (${codeOf(error)}): ${then}`);
  }
}

/**
 * What the store has, or what this node puts there: its copy, so that a store that was emptied gets back what all nodes use, or else
 * what it had when it was alone, so that its sessions go on.
 */
async function agreeOn(
  store: TextStore,
  copy: FleetKeys | null,
  { hasKeys, ownSecret, ownKey, now, log }: FleetKeysDependencies,
): Promise<FleetKeys> {
  const written = await readOrCreate(store, storeNames.secret, () => (copy?.secret ?? ownSecret()).toString('hex'));
  const secret = parseHexKey(written);
  if (secret === null) throw unusable(storeNames.secret, written, '32 to 1024 bytes in hex');
  if (copy !== null && !copy.secret.equals(secret)) {
    log.warn('fleet.store has another secret than the copy of this balancer: sessions with a name begin anew here');
  }
  if (hasKeys) return { secret, ring: null };
  const text = await readOrCreate(store, storeNames.keys, () =>
    formatRing(copy?.ring ?? [{ key: ownKey(), made: now() }]),
  );
  const ring = parseRing(text);
  if (ring === null) throw unusable(storeNames.keys, text, ringForm);
  return { secret, ring };
}

/** Of several nodes that start at once, one creates it and all read the same. */
async function readOrCreate(store: TextStore, name: string, make: () => string): Promise<string> {
  const found = await store.read(name);
  if (found !== null) return found;
  await store.create(name, make());
  return (await store.read(name)) ?? '';
}

/** Says nothing of what was found but its length: it may be a secret. */
function unusable(name: string, found: string, expected: string): UsageError {
  return new UsageError(
    `fleet.store: ${name} has ${found.length} characters that are no keys, expected ${expected}: delete it, and the next start writes it`,
  );
}

function parseKeys(text: string): FleetKeys | null {
  try {
    const found = Object(JSON.parse(text)) as { readonly secret?: unknown; readonly keys?: unknown };
    const secret = parseHexKey(found.secret);
    const ring = found.keys === undefined ? null : ringOf(found);
    return secret === null || (found.keys !== undefined && ring === null) ? null : { secret, ring };
  } catch {
    return null;
  }
}

function formatKeys({ secret, ring }: FleetKeys): string {
  const shown = ring === null ? {} : (JSON.parse(formatRing(ring)) as Readonly<Record<string, unknown>>);
  return JSON.stringify({ secret: secret.toString('hex'), ...shown });
}
