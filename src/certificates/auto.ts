/**
 * The files of `tls: auto`, in the folder `tls` of the state folder: a certificate authority of this machine, which is kept, and a
 * certificate for this machine, which is made anew when its names do not suffice, or half of its time is over.
 *
 *      authority.key    private; made once
 *      authority.crt    what people trust
 *      localhost.pem    certificate and private key in one file: a rename replaces both
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { join } from 'node:path';
import type { CertificateOptions, ListenerOptions } from '../config/options.ts';
import { codeOf, UsageError } from '../errors.ts';
import { readRegularFile, UnreadableFile } from '../regular-file.ts';
import { checkFolder, makePrivate, readPrivate, replacePrivate } from '../secrets/private-file.ts';
import { isLocalName, localNames, sameName } from './local-names.ts';
import { hostNamesOf } from './names.ts';
import { fits } from './pair.ts';
import { trustText } from './trust.ts';

export interface AutoSettings {
  /** Absolute. */
  readonly stateDir: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: { info(message: string): void; warn(message: string): void };
}

const dayMs = 86_400_000;
/** Who trusts it has to do so again after this time. */
const authorityMs = 3650 * dayMs;
/** Renewed at half of it: long before the first warning of its end. */
const certificateMs = 90 * dayMs;
/** Clocks of clients may be behind. */
const earlyMs = dayMs;
const alwaysNamed = ['localhost', '127.0.0.1', '::1'];
/** Names of former listeners stay, so that two balancers with one folder do not replace each other's certificate; up to this many. */
const mostNames = 100;
const mostBytes = 64 * 1024;

interface Authority {
  readonly key: KeyObject;
  readonly subject: string;
}

export class AutoFiles {
  private readonly settings: AutoSettings;
  private readonly folder: string;
  private readonly refused = new Set<string>();

  constructor(settings: AutoSettings) {
    this.settings = settings;
    this.folder = join(settings.stateDir, 'tls');
  }

  /** Makes what is missing or too old. Throws UsageError when a file cannot be kept, or another user could have written it. */
  async certificateFor(listeners: readonly ListenerOptions[]): Promise<CertificateOptions> {
    const file = join(this.folder, 'localhost.pem');
    checkFolder(this.folder);
    try {
      const authority = await this.authority();
      await this.renew(file, this.namesFor(listeners), authority);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      const expected = 'set stateDir to a folder that can be written to, or name the files of a certificate';
      throw new UsageError(
        `the certificate of tls: auto cannot be kept in ${this.folder} (${codeOf(error)}): ${expected}`,
        {
          cause: error,
        },
      );
    }
    return { cert: file, key: file, ocsp: null };
  }

  private async authority(): Promise<Authority> {
    const [keyFile, file] = [join(this.folder, 'authority.key'), join(this.folder, 'authority.crt')];
    const key = keptKey(keyFile) ?? makeKey(keyFile);
    const publicKey = createPublicKey(key);
    const hash = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    // Of the key alone: a certificate that is made anew has the same name, and signatures by the key stay valid.
    const authority = { key, subject: `Limpet local authority ${hash.slice(0, 8)}` };
    const kept = certificateIn(readText(file));
    const nowMs = this.settings.now();
    if (kept !== null && fits(kept, key) && Date.parse(kept.validTo) >= nowMs + certificateMs) return authority;
    const { issueCertificate } = await import('./issue.ts');
    const text = issueCertificate({
      subject: authority.subject,
      publicKey,
      issuer: { subject: authority.subject, privateKey: key },
      notBeforeMs: nowMs - earlyMs,
      notAfterMs: nowMs + authorityMs,
      use: { kind: 'authority', permitted: localNames },
    });
    replacePrivate(file, text);
    this.settings.log.info(trustText(file));
    return authority;
  }

  private async renew(file: string, names: readonly string[], authority: Authority): Promise<void> {
    const nowMs = this.settings.now();
    const text = readPrivate(file);
    const kept = usable(text, authority, nowMs);
    if (kept !== null && names.every((name) => kept.names.some((one) => sameName(one, name)))) {
      if (kept.notAfterMs - nowMs > certificateMs / 2) return;
    }
    const former = (kept?.names ?? []).filter((one) => isLocalName(one) && !names.some((name) => sameName(one, name)));
    const { issueCertificate } = await import('./issue.ts');
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = issueCertificate({
      subject: 'localhost',
      publicKey,
      issuer: { subject: authority.subject, privateKey: authority.key },
      notBeforeMs: nowMs - earlyMs,
      notAfterMs: nowMs + certificateMs,
      use: { kind: 'server', names: [...names, ...former].slice(0, mostNames) },
    });
    replacePrivate(file, `${pemOf(privateKey)}${cert}`);
  }

  private namesFor(listeners: readonly ListenerOptions[]): string[] {
    const hosts = listeners.flatMap(({ tls, address }) =>
      tls?.certificates === 'auto' && address.kind === 'tcp' && !isEveryInterface(address.host) ? [address.host] : [],
    );
    for (const host of hosts) {
      if (isLocalName(host) || this.refused.has(host)) continue;
      this.refused.add(host);
      const why = 'the local authority signs only for names and addresses of this machine and of private networks';
      this.settings.log.warn(
        `the certificate of tls: auto is not for ${host}: ${why}. Name the files of a certificate`,
      );
    }
    return [...new Set([...alwaysNamed, ...hosts.filter(isLocalName)])];
  }
}

function isEveryInterface(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

/** null: there is none yet. Throws UsageError for one that cannot be used: a new one would have to be trusted. */
function keptKey(file: string): KeyObject | null {
  const text = readPrivate(file);
  if (text === null) return null;
  try {
    return createPrivateKey(text);
  } catch {
    throw new UsageError(`${file} holds no private key: remove it, and a new authority is made, to be trusted anew`);
  }
}

/** Two processes that start at once get the same key. */
function makeKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  try {
    makePrivate(file, pemOf(privateKey));
    return privateKey;
  } catch (error) {
    const winner = codeOf(error) === 'EEXIST' ? keptKey(file) : null;
    if (winner !== null) return winner;
    throw error;
  }
}

/** null: it was not signed by the authority, is not valid now, or its key is another one. */
function usable(
  text: string | null,
  authority: Authority,
  nowMs: number,
): { readonly names: readonly string[]; readonly notAfterMs: number } | null {
  const found = certificateIn(text);
  if (text === null || found === null) return null;
  const [from, notAfterMs] = [Date.parse(found.validFrom), Date.parse(found.validTo)];
  try {
    if (!found.verify(createPublicKey(authority.key)) || !fits(found, createPrivateKey(text))) return null;
  } catch {
    // A key that cannot be read.
    return null;
  }
  return nowMs >= from && nowMs < notAfterMs ? { names: hostNamesOf(found.subjectAltName), notAfterMs } : null;
}

function certificateIn(text: string | null): X509Certificate | null {
  try {
    return text === null
      ? null
      : new X509Certificate(text.slice(Math.max(0, text.indexOf('-----BEGIN CERTIFICATE-----'))));
  } catch {
    return null;
  }
}

/** Others may read it: it is no secret. null: there is none. */
function readText(file: string): string | null {
  try {
    return readRegularFile(file, mostBytes).bytes.toString('latin1');
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    if (codeOf(error.cause) === 'ENOENT') return null;
    throw new UsageError(`${file} cannot be read: ${error.message}`, { cause: error });
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
