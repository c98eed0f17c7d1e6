/** From the options of a config to what sockets need: reads and checks all files of `tls`, of listeners and of pools. */
import type { AdminOptions, CertificateOptions, ListenerOptions, PoolOptions } from '../config/options.ts';
import type { AlpnProtocol, CertificatePair, ClientCertificateRules, ClientTls, ServerTls } from '../net/tls.ts';
import { CertificateFiles } from './files.ts';
import type { FieldPath, Flaw } from './flaw.ts';
import { findOverlaps, identitiesOf } from './identities.ts';
import type { TlsMaterial } from './material.ts';
import { type CertificateInfo, type LoadedPair, loadPair, type PairRules, titleOf, warnOfTime } from './pair.ts';

export interface CertificateSource {
  /** Relative paths begin there. */
  readonly folder: string;
  readonly nowMs: number;
  /** Bun cannot send OCSP responses. */
  readonly canStaple: boolean;
  /** The files of `tls: auto`; null: they are not made, and listeners with `auto` get nothing (`limpet check`). */
  readonly auto: CertificateOptions | null;
  /** For session tickets; null: each worker has its own. */
  readonly ticketKeys: Uint8Array | null;
}

export interface LoadedCertificates {
  /** Whole when no flaw is an error. */
  readonly material: TlsMaterial;
  /** Of the admin listener; null: it has no TLS. */
  readonly admin: CertificatePair | null;
  readonly flaws: readonly Flaw[];
  /** Those that are shown to clients and servers, each once. */
  readonly certificates: readonly CertificateInfo[];
  /** Absolute paths of what was read. */
  readonly files: readonly string[];
}

interface TlsOptions {
  readonly listeners: readonly ListenerOptions[];
  readonly pools: readonly PoolOptions[];
  readonly admin: Pick<AdminOptions, 'tls'>;
}

export function loadCertificates(
  { listeners, pools, admin }: TlsOptions,
  source: CertificateSource,
): LoadedCertificates {
  const files = new CertificateFiles(source.folder);
  const shown = new Map<string, CertificateInfo>();
  const load = (named: CertificateOptions, path: FieldPath, server: boolean): LoadedPair | null => {
    const rules: PairRules = { nowMs: source.nowMs, canStaple: source.canStaple, server };
    const loaded = loadPair(files, named, path, rules);
    if (loaded !== null && !shown.has(loaded.info.fingerprint)) shown.set(loaded.info.fingerprint, loaded.info);
    return loaded;
  };
  const material = {
    listeners: listeners.map((one, index) => serverTls(one, ['listeners', index, 'tls'], source, files, load)),
    pools: new Map(
      pools.flatMap((pool) => {
        const tls = clientTls(pool, ['pools', pool.name, 'tls'], source, files, load);
        return tls === null ? [] : [[pool.name, tls] as const];
      }),
    ),
  };
  const own = admin.tls === null ? null : load({ ...admin.tls, ocsp: null }, ['admin', 'tls'], true);
  if (admin.tls?.ca != null) authorities(files, admin.tls.ca, ['admin', 'tls', 'ca'], source.nowMs);
  return {
    material,
    admin: own?.pair ?? null,
    flaws: files.flaws,
    certificates: [...shown.values()],
    files: files.paths,
  };
}

type Load = (named: CertificateOptions, path: FieldPath, server: boolean) => LoadedPair | null;

const alpn: Readonly<Record<'h1' | 'h2', AlpnProtocol>> = { h1: 'http/1.1', h2: 'h2' };

function serverTls(
  { tls, protocols }: ListenerOptions,
  path: FieldPath,
  { auto, ticketKeys, nowMs }: CertificateSource,
  files: CertificateFiles,
  load: Load,
): ServerTls | null {
  if (tls === null) return null;
  const listPath = [...path, 'certificates'];
  const named = tls.certificates === 'auto' ? [auto].filter((one) => one !== null) : tls.certificates;
  // With `auto` no field names the files.
  const pathOf = (index: number): FieldPath => (tls.certificates === 'auto' ? listPath : [...listPath, index]);
  const loaded = named.flatMap((one, index) => load(one, pathOf(index), true) ?? []);
  const clients = tls.clientCertificates;
  const clientPath = [...path, 'clientCertificates', 'ca'];
  const rules: ClientCertificateRules | null =
    clients === null ? null : { ca: authorities(files, clients.ca, clientPath, nowMs) ?? '', require: clients.require };
  // The positions of what could not be read are missing.
  if (loaded.length === named.length) {
    for (const { name, first, second } of findOverlaps(loaded)) {
      const [one, other] = [loaded[second]!, loaded[first]!];
      const found = `${one.info.file} is for ${name} and has a key of ${one.keyKind}, as ${other.info.file} (${other.info.field})`;
      files.error([...pathOf(second), 'cert'], `${found}: expected another name, or another kind of key`);
    }
  }
  if (loaded.length === 0) return null;
  const { minVersion, ciphers } = tls;
  const offered = protocols.map((one) => alpn[one]);
  return { identities: identitiesOf(loaded), protocols: offered, minVersion, ciphers, clients: rules, ticketKeys };
}

function clientTls(
  { tls, protocol }: PoolOptions,
  path: FieldPath,
  { nowMs }: CertificateSource,
  files: CertificateFiles,
  load: Load,
): ClientTls | null {
  if (tls === null) return null;
  const { sni, verify, minVersion, cert, key } = tls;
  const ca = tls.ca === null ? null : authorities(files, tls.ca, [...path, 'ca'], nowMs);
  const shown = cert === null || key === null ? null : load({ cert, key, ocsp: null }, path, false);
  return { sni, ca, pair: shown?.pair ?? null, verify, protocols: [alpn[protocol]], minVersion };
}

/** PEM; null: there is none, which has been noted. */
function authorities(files: CertificateFiles, name: string, path: FieldPath, nowMs: number): string | null {
  const found = files.readCertificates(name, path);
  for (const one of found ?? []) warnOfTime(files, one, `the authority ${titleOf(one)} in ${name}`, path, nowMs);
  return found?.map(String).join('') ?? null;
}
