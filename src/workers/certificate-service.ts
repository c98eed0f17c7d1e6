/**
 * The certificates of the config that is in force: reads them, watches their files, warns of their end, and changes the keys of session
 * tickets. What is wrong with changed files is said once, and the former ones stay.
 *
 *      file or minute ──> onChange ──> ConfigRollout.renewCertificates ──> reread ──> follow
 */
import { isDeepStrictEqual } from 'node:util';
import { ExpiryLog, namesText } from '../certificates/expiry.ts';
import { type FieldPath, type Flaw, fieldOf } from '../certificates/flaw.ts';
import { FolderWatch } from '../certificates/folder-watch.ts';
import { type LoadedCertificates, loadCertificates } from '../certificates/load.ts';
import { noTls } from '../certificates/material.ts';
import type { CertificateInfo } from '../certificates/pair.ts';
import { TicketKeys } from '../certificates/ticket-keys.ts';
import type { CertificateOptions, LimpetOptions } from '../config/options.ts';
import { ConfigError } from '../config/problem.ts';
import { UsageError } from '../errors.ts';
import type { EventPublisher } from '../events/bus.ts';
import { type Counters, counter } from '../metrics/counters.ts';
import type { CertificatePair } from '../net/tls.ts';
import type { Clock, Timers } from '../time/clock.ts';

/** The files of `tls: auto` for this config, made or renewed. Throws UsageError when they cannot be kept. */
export type AutoCertificate = (options: LimpetOptions) => Promise<CertificateOptions>;

export interface CertificateServiceDependencies {
  readonly runtime: 'bun' | 'node';
  readonly clock: Clock;
  readonly timers: Timers;
  readonly counters: Counters;
  readonly log: { info(message: string): void; warn(message: string): void };
  readonly events: EventPublisher;
  /** null: a config with `tls: auto` is refused. */
  readonly autoCertificate: AutoCertificate | null;
  /** Something may have changed: `reread` says what. */
  readonly onChange: () => void;
  /** The admin listener has another certificate from now on. */
  readonly onAdminPair: (pair: CertificatePair) => void;
}

export interface CertificateStatus {
  readonly field: string;
  readonly file: string;
  readonly names: readonly string[];
  readonly fingerprint: string;
  /** Below 0: expired. */
  readonly secondsLeft: number;
}

/** Files on a network, and in some containers, change without a sign; days end too. */
const rereadMs = 60_000;

const nothing: LoadedCertificates = { material: noTls, admin: null, flaws: [], certificates: [], files: [] };

export class CertificateService {
  private readonly deps: CertificateServiceDependencies;
  private readonly tickets = new TicketKeys();
  private readonly watch: FolderWatch;
  private readonly expiry: ExpiryLog;
  private current: LoadedCertificates = nothing;
  private warnings = new Set<string>();
  /** What was wrong with the changed files; '': nothing. */
  private refusal = '';
  private cancel: () => void = () => {};

  constructor(deps: CertificateServiceDependencies) {
    this.deps = deps;
    this.watch = new FolderWatch(deps.timers, deps.onChange);
    this.expiry = new ExpiryLog((message, { file, names }, days) => {
      deps.log.warn(message);
      deps.events.publish('certificate.expires', { file, names: names.join(), days });
    });
  }

  /** Rejects with ConfigError when one of the files cannot be used. */
  async load(options: LimpetOptions): Promise<LoadedCertificates> {
    const loaded = await this.read(options);
    if (!isUsable(loaded)) throw new ConfigError({ name: 'certificates', locate: () => null }, loaded.flaws);
    return loaded;
  }

  /** Reads the files again. null: they are as before, or cannot be used, which is logged once. */
  async reread(options: LimpetOptions): Promise<LoadedCertificates | null> {
    const { counters, log, events } = this.deps;
    this.arm();
    const loaded = await this.read(options);
    // Links may lead to other folders, and a folder that was not there may be.
    this.watch.follow(loaded.files);
    if (!isUsable(loaded)) {
      const errors = loaded.flaws.filter(({ level }) => level === 'error').map(textOf);
      const refusal = errors.join('; ');
      if (refusal !== this.refusal) {
        counters.add(counter.certificates_refused);
        log.warn(`changed certificates cannot be used, the former ones stay: ${refusal}`);
        events.publish('certificate.refused', { reason: refusal });
      }
      this.refusal = refusal;
      this.expiry.check(this.current.certificates, this.deps.clock.now());
      return null;
    }
    this.refusal = '';
    const { material, admin } = this.current;
    if (isDeepStrictEqual([loaded.material, loaded.admin], [material, admin])) {
      this.follow(loaded);
      return null;
    }
    const known = new Set(this.current.certificates.map(({ fingerprint }) => fingerprint));
    const added = loaded.certificates.filter(({ fingerprint }) => !known.has(fingerprint));
    if (added.length > 0) {
      counters.add(counter.certificates_renewed);
      for (const { file, names } of added) {
        log.info(`new certificate ${file}${namesText(names)}`);
        events.publish('certificate.renewed', { file, names: names.join() });
      }
    }
    return loaded;
  }

  /** These are in force from now on. */
  follow(loaded: LoadedCertificates): void {
    const former = this.current.admin;
    this.current = loaded;
    this.refusal = '';
    if (former !== null && loaded.admin !== null && !isDeepStrictEqual(former, loaded.admin))
      this.deps.onAdminPair(loaded.admin);
    const warnings = loaded.flaws.map(textOf);
    for (const text of warnings) if (!this.warnings.has(text)) this.deps.log.warn(text);
    this.warnings = new Set(warnings);
    this.expiry.check(loaded.certificates, this.deps.clock.now());
    this.watch.follow(loaded.files);
    this.arm();
  }

  /** Of the admin listener; null: it has no TLS. */
  get adminPair(): CertificatePair | null {
    return this.current.admin;
  }

  status(): readonly CertificateStatus[] {
    const now = this.deps.clock.now();
    return this.current.certificates.map(({ notAfterMs, ...rest }: CertificateInfo) => ({
      ...rest,
      secondsLeft: Math.floor((notAfterMs - now) / 1000),
    }));
  }

  stop(): void {
    this.cancel();
    this.watch.stop();
  }

  private async read(options: LimpetOptions): Promise<LoadedCertificates> {
    const { runtime, clock } = this.deps;
    const users = [...options.listeners, ...options.pools, options.admin];
    if (users.every(({ tls }) => tls === null)) return nothing;
    const nowMs = clock.now();
    const isNode = runtime === 'node';
    let auto: CertificateOptions | null;
    try {
      auto = await this.autoFiles(options);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const index = options.listeners.findIndex(({ tls }) => tls?.certificates === 'auto');
      return { ...nothing, flaws: [{ level: 'error', path: ['listeners', index, 'tls'], text: error.message }] };
    }
    return loadCertificates(options, {
      folder: process.cwd(),
      nowMs,
      canStaple: isNode,
      auto,
      // Bun's sockets take none: each worker has its own.
      ticketKeys: isNode ? this.tickets.at(nowMs, options.keys) : null,
    });
  }

  private async autoFiles(options: LimpetOptions): Promise<CertificateOptions | null> {
    if (!options.listeners.some(({ tls }) => tls?.certificates === 'auto')) return null;
    const { autoCertificate } = this.deps;
    if (autoCertificate === null)
      throw new UsageError('tls: auto is not possible here: name the files of a certificate');
    return autoCertificate(options);
  }

  private arm(): void {
    this.cancel();
    this.cancel = this.current.files.length > 0 ? this.deps.timers.after(rereadMs, this.deps.onChange) : () => {};
  }
}

function isUsable({ flaws }: LoadedCertificates): boolean {
  return flaws.every(({ level }) => level !== 'error');
}

function textOf({ path, text }: { readonly path: FieldPath } & Flaw): string {
  return `${fieldOf(path)}: ${text}`;
}
