/** Certificates for tests: an authority, and what it signs, as PEM. Keys are made once in a process: to make one of RSA takes long. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { issueCertificate } from '../../src/certificates/issue.ts';

export type KeyKind = 'ec' | 'rsa';

export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
}

export interface IssueSettings {
  readonly kind?: KeyKind;
  readonly subject?: string;
  readonly use?: 'server' | 'client';
  /** Milliseconds from now. Default: a minute ago, and in 90 days. */
  readonly from?: number;
  readonly until?: number;
  /** Signs with this key in place of a new one. */
  readonly privateKey?: KeyObject;
}

const day = 86_400_000;

export class TestAuthority {
  readonly cert: string;
  private readonly subject: string;
  private readonly privateKey: KeyObject;

  constructor(subject = 'Test Authority', permitted: readonly string[] = []) {
    this.subject = subject;
    this.privateKey = newKey('ec');
    this.cert = this.sign(this.privateKey, subject, -60_000, 3650 * day, { kind: 'authority', permitted });
  }

  /** A certificate for these names: host names, `*.example.org`, IP addresses. */
  issue(names: readonly string[], settings: IssueSettings = {}): Issued {
    const { kind = 'ec', subject = names[0] ?? 'nobody', use = 'server', from = -60_000, until = 90 * day } = settings;
    const { privateKey = newKey(kind) } = settings;
    const cert = this.sign(privateKey, subject, from, until, { kind: use, names });
    return { cert, key: pemOf(privateKey), privateKey };
  }

  private sign(
    privateKey: KeyObject,
    subject: string,
    from: number,
    until: number,
    use: Parameters<typeof issueCertificate>[0]['use'],
  ): string {
    const publicKey = createPublicKey(privateKey);
    const issuer = { subject: this.subject, privateKey: this.privateKey };
    const now = Date.now();
    return issueCertificate({ subject, publicKey, issuer, notBeforeMs: now + from, notAfterMs: now + until, use });
  }
}

/** A certificate for these names that its own key has signed. */
export function selfSigned(names: readonly string[]): Issued {
  const privateKey = newKey('ec');
  const subject = names[0] ?? 'nobody';
  const now = Date.now();
  const cert = issueCertificate({
    subject,
    publicKey: createPublicKey(privateKey),
    issuer: { subject, privateKey },
    notBeforeMs: now - 60_000,
    notAfterMs: now + 90 * day,
    use: { kind: 'server', names },
  });
  return { cert, key: pemOf(privateKey), privateKey };
}

export function newKey(kind: KeyKind, bits = 2048): KeyObject {
  return kind === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : generateKeyPairSync('rsa', { modulusLength: bits }).privateKey;
}

export function pemOf(privateKey: KeyObject, passphrase?: string): string {
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString();
}
