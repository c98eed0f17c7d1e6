/**
 * What operators say on one node for all: the changes of servers, by `pool/server`, and the ring of token keys. The store has them
 * under one revision, which goes up with each.
 *
 *      said here ──> holds here ──> sent (a new revision) ──> the others read it, carry it out, and tell that revision in a beat
 *                        └── the store is away: kept as unsent, also through a restart, and sent when it is back
 *
 * Of two words on one server the later one wins, by revision: what was said while the store was away counts as said when it is sent.
 * A store that was emptied gets the orders back from the first node that finds it so.
 */
import { readFileSync } from 'node:fs';
import { codeOf, UsageError } from '../errors.ts';
import { replacePrivate } from '../secrets/private-file.ts';
import type { FleetStore } from './fleet-store.ts';
import { formatRing, type KeyRing, parseRing } from './key-ring.ts';
import { orderScripts } from './order-scripts.ts';
import { storeNames, wakeChannel } from './store-names.ts';

/** By `pool/server`, what was changed of it, as JSON. */
export type ServerOrders = ReadonlyMap<string, string>;

export interface OrdersDependencies {
  readonly store: Pick<FleetStore, 'run'>;
  /** In the state folder: the revision, and what was not sent. */
  readonly file: string;
  /** Makes exactly these hold here. Rejects with the reason when that cannot be. */
  readonly adopt: (orders: ServerOrders) => Promise<void>;
  /** The ring of the store is another one than ours. Not called when the config has keys. */
  readonly adoptRing: (ring: KeyRing) => Promise<void>;
  /** The ring in use; null: the config has keys. */
  readonly ring: () => KeyRing | null;
  readonly log: { info(message: string): void; warn(message: string): void; error(message: string): void };
}

interface Saved {
  readonly revision: number;
  readonly orders: Readonly<Record<string, string>>;
  readonly unsent: readonly string[];
}

export class Orders {
  private readonly deps: OrdersDependencies;
  private saved: Saved = { revision: 0, orders: {}, unsent: [] };
  private why = '';
  private refused = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(deps: OrdersDependencies) {
    this.deps = deps;
  }

  /** At the start: what was known before the restart. `own`: what was changed here when this node was alone. */
  read(own: ServerOrders): void {
    const found = readSaved(this.deps.file, this.deps.log);
    // What this node did alone becomes the fleet's, unless the fleet has orders already.
    this.saved = found ?? { revision: 0, orders: Object.fromEntries(own), unsent: [] };
  }

  /** The last revision that was carried out here. */
  get revision(): number {
    return this.saved.revision;
  }

  /** Why the next one could not be; '' it could. */
  get failure(): string {
    return this.why;
  }

  /** Servers whose changes the store does not have yet. */
  get unsent(): readonly string[] {
    return this.saved.unsent;
  }

  /** What holds, by what is known here. */
  get all(): ServerOrders {
    return new Map(Object.entries(this.saved.orders));
  }

  /** This was changed here, and holds here. '' means: nothing of that server any more. It is sent with `sync`. */
  said(changes: ServerOrders): void {
    const orders = { ...this.saved.orders };
    for (const [server, text] of changes) {
      if (text === '') delete orders[server];
      else orders[server] = text;
    }
    this.save({ ...this.saved, orders, unsent: [...new Set([...this.saved.unsent, ...changes.keys()])] });
  }

  /** At the start, when no beat has told the revision of the store yet. Rejects when it does not answer. */
  async begin(): Promise<void> {
    const names = [storeNames.servers, storeNames.revision, storeNames.keys];
    const [revision] = await this.deps.store.run(orderScripts.read, names, []);
    await this.sync(Number(revision));
  }

  /** What could not be carried out may be possible by now. */
  retry(): void {
    this.refused = 0;
  }

  /** Sends what is unsent, and carries out what is new. `revision`: that of the store. Rejects when the store does not answer. */
  sync(revision: number): Promise<void> {
    return this.inTurn(async () => {
      const { unsent } = this.saved;
      if (revision < this.revision) await this.restore();
      else if (revision === 0 && unsent.length === 0 && Object.keys(this.saved.orders).length > 0)
        await this.restore(1);
      if (unsent.length > 0) await this.send(unsent);
      else if (revision > this.revision && revision !== this.refused) await this.carryOut();
    });
  }

  /** Puts another ring in place of `before`, for all nodes. False: another node was faster. Rejects when the store does not answer. */
  changeRing(before: KeyRing, ring: KeyRing): Promise<boolean> {
    return this.inTurn(async () => {
      const names = [storeNames.keys, storeNames.revision];
      const [done] = await this.deps.store.run(orderScripts.ring, names, [
        formatRing(before),
        formatRing(ring),
        this.revision,
        wakeChannel,
      ]);
      if (done !== '1') return false;
      await this.carryOut();
      return true;
    });
  }

  private async send(unsent: readonly string[]): Promise<void> {
    const words = unsent.flatMap((server) => [server, this.saved.orders[server] ?? '']);
    const names = [storeNames.servers, storeNames.revision];
    await this.deps.store.run(orderScripts.send, names, [this.revision, wakeChannel, ...words]);
    // What was said meanwhile is unsent still.
    const sent = new Map(unsent.map((server, i) => [server, words[2 * i + 1] ?? '']));
    const left = this.saved.unsent.filter((server) => sent.get(server) !== (this.saved.orders[server] ?? ''));
    this.save({ ...this.saved, unsent: left });
    await this.carryOut();
  }

  private async restore(revision = this.revision): Promise<void> {
    const words = Object.entries(this.saved.orders).flat();
    const ring = this.deps.ring();
    const names = [storeNames.servers, storeNames.revision, storeNames.keys];
    const head = [revision, ring === null ? '' : formatRing(ring), wakeChannel];
    const [done] = await this.deps.store.run(orderScripts.restore, names, [...head, ...words]);
    if (done !== '1') return;
    if (revision > this.revision) this.save({ ...this.saved, revision });
    else this.deps.log.warn('fleet: the store had lost the orders of operators: this node has put them back');
  }

  private async carryOut(): Promise<void> {
    const names = [storeNames.servers, storeNames.revision, storeNames.keys];
    const [number = '', ringText = '', ...words] = await this.deps.store.run(orderScripts.read, names, []);
    const revision = Number(number);
    if (!Number.isSafeInteger(revision))
      throw new Error(`found the revision "${number.slice(0, 20)}", expected a number`);
    const orders: Record<string, string> = {};
    for (let i = 0; i + 1 < words.length; i += 2) orders[words[i] ?? ''] = words[i + 1] ?? '';
    // What was said here and not sent holds here until it is.
    for (const server of this.saved.unsent) {
      const text = this.saved.orders[server];
      if (text === undefined) delete orders[server];
      else orders[server] = text;
    }
    try {
      await this.adoptRing(ringText);
      await this.deps.adopt(new Map(Object.entries(orders)));
    } catch (error) {
      this.refused = revision;
      this.why = error instanceof Error ? error.message : String(error);
      this.deps.log.error(`fleet: the orders of other nodes (revision ${revision}) cannot be carried out: ${this.why}`);
      return;
    }
    this.refused = 0;
    this.why = '';
    this.save({ ...this.saved, revision, orders });
  }

  private async adoptRing(text: string): Promise<void> {
    const own = this.deps.ring();
    if (own === null || text === '' || text === formatRing(own)) return;
    const ring = parseRing(text);
    if (ring === null) throw new Error(`${storeNames.keys} has ${text.length} characters that are no keys`);
    await this.deps.adoptRing(ring);
  }

  private save(saved: Saved): void {
    this.saved = saved;
    try {
      replacePrivate(this.deps.file, `${JSON.stringify(saved)}\n`);
    } catch (error) {
      this.deps.log.warn(`fleet: the orders cannot be kept in ${this.deps.file} (${codeOf(error)})`);
    }
  }

  private inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.last.then(act);
    this.last = done.catch(() => undefined);
    return done;
  }
}

/** null: there is none, or what is there cannot be used, which is logged: then those of the store hold. */
function readSaved(file: string, log: { warn(message: string): void }): Saved | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new UsageError(`the orders of the fleet in ${file} cannot be read: ${codeOf(error)}`, { cause: error });
  }
  const saved = parseSaved(text);
  if (saved === null) log.warn(`${file} holds no orders of a fleet: those of fleet.store hold. Remove it`);
  return saved;
}

function parseSaved(text: string): Saved | null {
  try {
    const found = Object(JSON.parse(text)) as Record<string, unknown>;
    const { revision, orders, unsent } = found;
    const isRight =
      Number.isSafeInteger(revision) &&
      (revision as number) >= 0 &&
      Array.isArray(unsent) &&
      unsent.every((one) => typeof one === 'string') &&
      Object.values(Object(orders) as object).every((one) => typeof one === 'string');
    return isRight ? (found as unknown as Saved) : null;
  } catch {
    return null;
  }
}
