/**
 * The lease of this node, and what is known of the others. Once a second this node tells the store what it is and does, and reads
 * all others in the same step. What changes wakes the others at once, over a channel.
 *
 *      alone or away ── beat ──> in the fleet ── 2 beats fail ──> cut off ── beat ──> in the fleet
 *
 * Who has not renewed the lease, by the clock of the store and by ours, is gone: a clock that jumps makes nobody gone.
 */
import { createHash } from 'node:crypto';
import type { EventPublisher } from '../events/bus.ts';
import type { Clock, Timers } from '../time/clock.ts';
import type { FleetStore } from './fleet-store.ts';
import { type ConfigDigest, differencesOf, type NodeReport, parseDigest, parseReport } from './node-report.ts';
import { nodeScripts } from './node-scripts.ts';
import { digestName, storeNames, wakeChannel } from './store-names.ts';

/** What this node tells of itself; the rest is known here. */
export type OwnReport = Omit<NodeReport, 'id' | 'run' | 'name' | 'clock' | 'config'>;

export interface NodesDependencies {
  readonly store: Pick<FleetStore, 'run' | 'read' | 'keep'>;
  readonly id: string;
  readonly run: string;
  readonly name: string;
  /** Of the fleet. */
  readonly secret: Buffer;
  /** As the store has it; '': the config has keys. */
  readonly ring: () => string;
  /** Milliseconds. */
  readonly lease: number;
  /** Of the balancers' clocks, ms: beyond half of it a difference is told. */
  readonly skew: number;
  readonly report: () => Promise<OwnReport>;
  /** The same object until it changes. */
  readonly digest: () => ConfigDigest;
  /** After each beat that the store has answered, with the revision of its orders. */
  readonly onBeat: (revision: number) => Promise<void>;
  readonly events: EventPublisher;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: { info(message: string): void; warn(message: string): void; error(message: string): void };
}

/** What is known of a node. */
export interface KnownNode {
  readonly report: NodeReport;
  readonly isOwn: boolean;
  /** False: its lease is over. */
  readonly isLive: boolean;
  /** Milliseconds since it told this. */
  readonly age: number;
  /** By how much its clock is ahead of the store's, ms. */
  readonly clockAhead: number;
  /** null: not known yet. */
  readonly digest: ConfigDigest | null;
  /** Fields of its config that are not as ours. */
  readonly differs: readonly string[];
}

interface Seen {
  report: NodeReport;
  /** Of the store: when it told that. */
  at: number;
  /** Ours, monotonic: when we saw that for the first time. */
  seen: number;
  digest: ConfigDigest | null;
  /** The comparison of that digest with ours; null: there was none yet. */
  compared: { readonly own: ConfigDigest; readonly other: ConfigDigest; readonly fields: readonly string[] } | null;
  /** Beats in which the config differed in the same way. */
  differed: { readonly text: string; readonly beats: number; readonly isTold: boolean };
}

const usualPause = 1000;
/** Leases after which a node that is gone is forgotten. */
const keptLeases = 60;
/** Milliseconds for which the digest of a config is kept that nobody renews. */
const digestTtl = 3_600_000;
/** Failed beats after which this node says that it is cut off. */
const failuresUntilCutOff = 2;
/** Beats in which two processes have told something under one id, after which that is an error. */
const beatsUntilConflict = 3;
/** Beats after which a config that differs is told: a rolling reload is over by then. */
const beatsUntilTold = 5;

export class Nodes {
  private readonly deps: NodesDependencies;
  private readonly others = new Map<string, Seen>();
  private own: Seen | null = null;
  /** Of the store, when it last answered. */
  private storeTime = 0;
  private storeRevision = 0;
  private failures = 0;
  /** Ours, monotonic. */
  private answeredAt = 0;
  private isAway = false;
  private lastFailure = '';
  private beats = 0;
  /** Beats in a row before which another process had told something under our id. */
  private otherRuns = 0;
  private kept: { readonly digest: ConfigDigest; readonly hash: string } | null = null;
  private sentHash = '';
  private sentRevision = -1;
  private sentDraining = '';
  private readonly told = new Set<string>();
  private readonly secretText: string;
  private running: Promise<void> | null = null;
  private isDue = false;
  private isStopped = false;
  private cancelTimer: () => void = () => {};
  private waiting: (() => void)[] = [];

  constructor(deps: NodesDependencies) {
    this.deps = deps;
    this.secretText = deps.secret.toString('hex');
  }

  /** Resolves after the first beat, or when it has failed: then the balancer begins with what it has. */
  async start(): Promise<void> {
    const { log } = this.deps;
    await this.beat();
    const names = this.liveOthers.map(({ report }) => report.name);
    const others = names.length === 0 ? 'no other node is there' : `with ${names.join(', ')}`;
    if (!this.isAway) log.info(`fleet: this is node ${this.deps.name} (${this.deps.id}), ${others}`);
  }

  /** The lease is given back, so that the others do not wait for its end. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer();
    await this.running;
    for (const resolve of this.waiting) resolve();
    const { store, id, run } = this.deps;
    if (this.failures === 0)
      await store.run(nodeScripts.leave, [storeNames.nodes], [id, run, wakeChannel]).catch(() => []);
  }

  /** False: the store does not answer. */
  get isConnected(): boolean {
    return !this.isAway && this.own !== null;
  }

  /** Why the store does not answer; '' it does. */
  get failure(): string {
    return this.isAway ? this.lastFailure : '';
  }

  /** Of the orders in the store. */
  get revision(): number {
    return this.storeRevision;
  }

  get id(): string {
    return this.deps.id;
  }

  get liveOthers(): readonly KnownNode[] {
    return this.live.filter(({ isOwn }) => !isOwn);
  }

  /** This node first, then the others by name; also those that are gone and not forgotten yet. */
  get all(): readonly KnownNode[] {
    const others = [...this.others.values()].sort((a, b) => (a.report.name < b.report.name ? -1 : 1));
    return [...(this.own === null ? [] : [this.own]), ...others].map((one) => this.knownOf(one));
  }

  get live(): readonly KnownNode[] {
    return this.all.filter(({ isLive }) => isLive);
  }

  /** Something is to be told, or read, now. */
  wake(): void {
    this.isDue = true;
    if (this.running === null && !this.isStopped) void this.beat();
  }

  /** Resolves when the next beat is over, failed or not. */
  beatEnd(): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private beat(): Promise<void> {
    this.cancelTimer();
    this.running ??= this.beatOnce().finally(() => {
      this.running = null;
      const waiting = this.waiting;
      this.waiting = [];
      for (const resolve of waiting) resolve();
      if (this.isStopped) return;
      const { lease, timers } = this.deps;
      this.cancelTimer = timers.after(this.isDue ? 0 : Math.min(usualPause, lease / 4), () => void this.beat());
    });
    return this.running;
  }

  private async beatOnce(): Promise<void> {
    this.isDue = false;
    try {
      await this.exchange();
    } catch (error) {
      this.failed(error instanceof Error ? error.message : String(error));
      return;
    }
    this.answered();
    await this.deps.onBeat(this.storeRevision).catch((error: unknown) => {
      this.deps.log.error(`fleet: what was said on other nodes could not be taken over: ${String(error)}`);
    });
  }

  private async exchange(): Promise<void> {
    const { store, id, run, name, lease, clock } = this.deps;
    const hash = this.digestHash();
    const own = await this.deps.report();
    if (hash !== this.sentHash) await this.sendDigest(hash);
    const report: NodeReport = { ...own, id, run, name, clock: Math.round(clock.wall()), config: hash };
    const draining = JSON.stringify(Object.entries(own.draining).map(([server, { isSafe }]) => [server, isSafe]));
    const isNew = hash !== this.sentHash || own.revision !== this.sentRevision || draining !== this.sentDraining;
    const names = [storeNames.nodes, storeNames.revision, digestName(hash), storeNames.secret, storeNames.keys];
    const words = [
      id,
      JSON.stringify(report),
      keptLeases * lease,
      digestTtl,
      isNew ? wakeChannel : '',
      this.secretText,
      this.deps.ring(),
    ];
    const reply = await store.run(nodeScripts.beat, names, words);
    const [time = '', revision = '', isKept = '', before = '', isOurs = '', ...entries] = reply;
    if (!/^\d{1,16}$/.test(time) || !/^\d{1,15}$/.test(revision)) {
      throw new Error(`found "${time.slice(0, 20)}" and "${revision.slice(0, 20)}", expected its time and a revision`);
    }
    this.storeTime = Number(time);
    this.storeRevision = Number(revision);
    this.sentRevision = own.revision;
    this.sentDraining = draining;
    this.sentHash = isKept === '1' ? hash : '';
    this.checkId(before);
    this.checkSecret(isOurs === '1');
    await this.read(entries);
    this.beats++;
  }

  private digestHash(): string {
    const digest = this.deps.digest();
    if (this.kept?.digest !== digest) {
      const hash = createHash('sha256').update(JSON.stringify(digest)).digest('hex').slice(0, 16);
      this.kept = { digest, hash };
    }
    return this.kept.hash;
  }

  private async sendDigest(hash: string): Promise<void> {
    await this.deps.store.keep(digestName(hash), JSON.stringify(this.kept?.digest), digestTtl);
  }

  /** A copied state folder: two processes with one id overwrite each other. */
  private checkId(before: string): void {
    const former = parseReport(before.slice(before.indexOf(' ') + 1));
    const isOther = this.beats > 0 && former !== null && former.run !== this.deps.run;
    this.otherRuns = isOther ? this.otherRuns + 1 : 0;
    // Once it may be the process before this one, which was slow to end.
    if (former === null || this.otherRuns < beatsUntilConflict) return;
    this.conflict(
      `id ${former.run}`,
      former.name,
      `the node "${former.name}" has the same id (${this.deps.id}) as this one: its state folder is a copy. Remove node.id of one of them, and start it again`,
    );
  }

  /** Another fleet uses the store, or somebody has emptied it and another node came first. */
  private checkSecret(isOurs: boolean): void {
    if (isOurs) this.told.delete('secret');
    else if (!this.told.has('secret')) {
      this.told.add('secret');
      const then = 'this node and the others know sessions by different names. Restart it, or name the right store';
      this.deps.log.error(`fleet: fleet.store has another secret than this node: ${then}`);
    }
  }

  private async read(entries: readonly string[]): Promise<void> {
    const { clock, id } = this.deps;
    const now = clock.monotonic();
    const present = new Set<string>();
    for (let i = 0; i + 1 < entries.length; i += 2) {
      const value = entries[i + 1] ?? '';
      const report = parseReport(value.slice(value.indexOf(' ') + 1));
      const at = Number(value.slice(0, value.indexOf(' ')));
      if (report === null || report.id !== entries[i]) continue;
      const known = report.id === id ? this.own : this.others.get(report.id);
      const isRestarted = known?.report.run !== report.run;
      const seen: Seen = {
        report,
        at,
        // Of one that is new here, what the clock of the store says: it may be gone for long.
        seen: known?.at === at ? known.seen : now - (known == null ? Math.max(0, this.storeTime - at) : 0),
        digest: known?.digest ?? null,
        compared: known?.compared ?? null,
        differed: known?.differed ?? { text: '', beats: 0, isTold: false },
      };
      if (report.id === id) {
        this.own = { ...seen, digest: this.deps.digest() };
        continue;
      }
      present.add(report.id);
      const wasLive = known != null && this.isLive(known);
      if (known?.report.config !== report.config || seen.digest === null) {
        seen.digest = (await this.digestOf(report.config)) ?? seen.digest;
      }
      this.others.set(report.id, seen);
      if (!this.isLive(seen)) continue;
      if (!wasLive || isRestarted) {
        this.joined(seen);
      }
      this.compare(seen);
    }
    for (const [other, seen] of this.others) {
      if (present.has(other)) continue;
      this.others.delete(other);
      this.left(seen, 'it was stopped');
      this.told.delete(`gone ${seen.report.run}`);
    }
    for (const seen of this.others.values()) {
      if (this.isLive(seen) || this.told.has(`gone ${seen.report.run}`)) continue;
      this.left(seen, `its lease is over: it has told nothing for ${Math.round((now - seen.seen) / 1000)} s`);
    }
    this.compareNames();
    this.compareClock();
  }

  /** null: nobody has it in the store. */
  private async digestOf(hash: string): Promise<ConfigDigest | null> {
    if (hash === this.kept?.hash) return this.kept.digest;
    for (const { report, digest } of this.others.values()) if (report.config === hash && digest !== null) return digest;
    if (!/^[0-9a-f]{16}$/.test(hash)) return null;
    const text = await this.deps.store.read(digestName(hash));
    return text === null ? null : parseDigest(text);
  }

  private joined({ report: { name, version, run } }: Seen): void {
    this.told.delete(`gone ${run}`);
    this.told.add(`here ${run}`);
    if (this.beats === 0) return;
    this.deps.log.info(`fleet: node ${name} (${version}) is there`);
    this.deps.events.publish('node.joined', { node: name, version });
  }

  private left({ report: { name, run } }: Seen, reason: string): void {
    if (this.told.has(`gone ${run}`)) return;
    this.told.add(`gone ${run}`);
    if (!this.told.delete(`here ${run}`)) return;
    const stopped = reason === 'it was stopped';
    this.deps.log[stopped ? 'info' : 'warn'](`fleet: node ${name} is gone: ${reason}`);
    this.deps.events.publish('node.left', { node: name, reason });
  }

  /** Told when it has been so for some beats: during a rolling reload the configs differ, and nothing is wrong. */
  private compare(seen: Seen): void {
    if (seen.digest === null) return;
    const text = formatFields(this.differencesOf(seen));
    const { differed } = seen;
    seen.differed =
      differed.text === text ? { ...differed, beats: differed.beats + 1 } : { text, beats: 1, isTold: false };
    if (text === '' || seen.differed.isTold || seen.differed.beats < beatsUntilTold) return;
    seen.differed = { ...seen.differed, isTold: true };
    this.deps.log.warn(`fleet: the config of node ${seen.report.name} is another one: ${text}`);
    this.deps.events.publish('node.differs', { node: seen.report.name, fields: text });
  }

  private compareNames(): void {
    const { id, name } = this.deps;
    for (const seen of this.others.values()) {
      const other = seen.report;
      if (other.name !== name || !this.isLive(seen)) continue;
      this.conflict(
        `name ${other.id}`,
        name,
        `two nodes are called "${name}" (${id} and ${other.id}): give each another fleet.name`,
      );
    }
  }

  private conflict(key: string, node: string, reason: string): void {
    if (this.told.has(key)) return;
    this.told.add(key);
    this.deps.log.error(`fleet: ${reason}`);
    this.deps.events.publish('node.conflict', { node, reason });
  }

  private compareClock(): void {
    const { skew, log } = this.deps;
    if (this.own === null) return;
    const { clockAhead } = this.knownOf(this.own);
    const isWrong = Math.abs(clockAhead) > skew / 2;
    if (isWrong && !this.told.has('clock')) {
      const side = clockAhead > 0 ? 'ahead of' : 'behind';
      const seconds = Math.round(Math.abs(clockAhead) / 1000);
      log.warn(
        `fleet: the clock of this machine is ${seconds} s ${side} that of fleet.store: sessions of other nodes are refused beyond clock.skew (${skew / 1000} s)`,
      );
    }
    if (isWrong) this.told.add('clock');
    else this.told.delete('clock');
  }

  private failed(reason: string): void {
    this.failures++;
    this.lastFailure = reason;
    // At the start nobody has to wait for a second failure.
    if (this.isAway || (this.failures < failuresUntilCutOff && this.own !== null)) return;
    this.isAway = true;
    this.deps.log.error(
      `fleet: cut off, fleet.store does not answer (${reason}): this node goes on with what it knows`,
    );
    this.deps.events.publish('node.cut-off', { reason });
  }

  private answered(): void {
    this.failures = 0;
    this.answeredAt = this.deps.clock.monotonic();
    if (!this.isAway) return;
    this.isAway = false;
    this.deps.log.info('fleet: fleet.store answers again');
    this.deps.events.publish('node.back', { nodes: this.live.length });
  }

  private knownOf(seen: Seen): KnownNode {
    const { report, at, digest } = seen;
    return {
      report,
      isOwn: seen === this.own,
      isLive: this.isLive(seen),
      age: Math.max(0, this.storeTime - at),
      clockAhead: report.clock - at,
      digest,
      differs: this.differencesOf(seen),
    };
  }

  /** Compared once for each pair of configs: they may name thousands of servers. */
  private differencesOf(seen: Seen): readonly string[] {
    const own = this.deps.digest();
    const other = seen.digest;
    if (other === null) return [];
    if (seen.compared?.own !== own || seen.compared.other !== other) {
      seen.compared = { own, other, fields: differencesOf(own, other) };
    }
    return seen.compared.fields;
  }

  private isLive(seen: Seen): boolean {
    const { lease, clock } = this.deps;
    if (seen === this.own || this.storeTime - seen.at <= lease) return true;
    // While this node is cut off it knows nothing of the others: they are as they were.
    return (this.isAway ? this.answeredAt : clock.monotonic()) - seen.seen <= lease;
  }
}

/** As many as one line has room for. */
function formatFields(fields: readonly string[]): string {
  const most = 10;
  const more = fields.length > most ? `, and ${fields.length - most} more` : '';
  return `${fields.slice(0, most).join(', ')}${more}`;
}
