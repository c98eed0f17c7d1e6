/** Reads a certificate with its chain and its key, and checks that they fit together. */
import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { fingerprintOf } from '../net/client-certificate.ts';
import type { CertificatePair } from '../net/tls.ts';
import { type CertificateFiles, derHint, type ReadFile, shorten } from './files.ts';
import { type FieldPath, fieldOf } from './flaw.ts';
import { hostNamesOf } from './names.ts';
import { readOcsp } from './ocsp.ts';
import { describeContent } from './pem.ts';

export interface LoadedPair {
  readonly pair: CertificatePair;
  /** Lower case; host names, `*.example.org` and IP addresses. */
  readonly names: readonly string[];
  /** Certificates with one name must differ in it. */
  readonly keyKind: string;
  readonly info: CertificateInfo;
}

/** For the status and the log. */
export interface CertificateInfo {
  /** `listeners[0].tls.certificates[0]`. */
  readonly field: string;
  /** As the config has it. */
  readonly file: string;
  readonly names: readonly string[];
  /** SHA-256, hex, lower case. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
}

export interface PairFiles {
  readonly cert: string;
  readonly key: string;
  /** null: no OCSP response is stapled. */
  readonly ocsp: string | null;
}

export interface PairRules {
  readonly nowMs: number;
  /** It is shown by a server, and not by a client. */
  readonly server: boolean;
  /** Bun cannot send OCSP responses. */
  readonly canStaple: boolean;
}

/** Anything shorter can be broken, and is refused by OpenSSL. */
const minRsaBits = 2048;
const kinds: Readonly<Record<string, string>> = {
  rsa: 'RSA',
  'rsa-pss': 'RSA-PSS',
  ec: 'ECDSA',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
};
/** Extended key usages: of servers, of clients, and of anybody. */
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyUsage = '2.5.29.37.0';

/** null: it cannot be used, which `files` has noted at `[...path, 'cert']` and `[...path, 'key']`. */
export function loadPair(
  files: CertificateFiles,
  named: PairFiles,
  path: FieldPath,
  rules: PairRules,
): LoadedPair | null {
  const certPath = [...path, 'cert'];
  const chain = files.readCertificates(named.cert, certPath);
  const key = loadKey(files, named.key, [...path, 'key']);
  const leaf = chain?.[0];
  if (chain === null || leaf === undefined || key === null) return null;
  if (!fits(leaf, key.object)) return refuseKey(files, named, path, chain, key.object);
  const disorder = chain.findIndex((one, i) => i > 0 && !hasSigned(one, chain[i - 1]));
  if (disorder > 0) {
    const [one, before] = [titleOf(chain[disorder]), titleOf(chain[disorder - 1])];
    const found = `certificate ${disorder + 1} of ${shorten(named.cert)} (${one}) has not signed the one before it (${before})`;
    return files.error(
      certPath,
      `${found}: expected the certificate itself, then each authority behind what it has signed`,
    );
  }
  const keyKind = kinds[key.object.asymmetricKeyType ?? ''] ?? '';
  if (keyKind === '') return files.error([...path, 'key'], `${shorten(named.key)} is no key of RSA, ECDSA or EdDSA`);
  const bits = key.object.asymmetricKeyDetails?.modulusLength ?? minRsaBits;
  if (bits < minRsaBits) {
    return files.error(
      [...path, 'key'],
      `${shorten(named.key)} has ${bits} bits, expected RSA of at least ${minRsaBits}`,
    );
  }
  const names = hostNamesOf(leaf.subjectAltName);
  warnOfUse(files, leaf, names, named.cert, certPath, rules);
  const staple = loadStaple(files, named.ocsp, leaf, [...path, 'ocsp'], rules);
  if (staple === undefined) return null;
  return {
    pair: { cert: chain.map(String).join(''), key: key.text, staple },
    names,
    keyKind,
    info: {
      field: fieldOf(path),
      file: named.cert,
      names,
      fingerprint: fingerprintOf(leaf),
      notAfterMs: Date.parse(leaf.validTo),
    },
  };
}

interface LoadedKey {
  readonly text: string;
  readonly object: KeyObject;
}

function loadKey(files: CertificateFiles, name: string, path: FieldPath): LoadedKey | null {
  const file = files.read(name, path);
  if (file === null) return null;
  const block = file.blocks.find(({ label }) => / ?PRIVATE KEY$/.test(label));
  if (block === undefined) {
    const found = describeContent(file.bytes, file.blocks);
    const swapped = found.endsWith('CERTIFICATE') ? '; are cert and key the wrong way round?' : '';
    const hint = swapped || derHint(found, 'pkey', name);
    return files.error(path, `found ${found} in ${shorten(name)}, expected a private key in PEM${hint}`);
  }
  if (block.label.startsWith('ENCRYPTED') || /^Proc-Type: *4,ENCRYPTED/m.test(block.text)) {
    const command = `openssl pkey -in ${name} -out ${name}.plain`;
    return files.error(path, `${shorten(name)} is encrypted, expected a key without a passphrase: ${command}`);
  }
  warnOfReaders(files, file, path);
  try {
    return { text: block.text, object: createPrivateKey(block.text) };
  } catch {
    return files.error(
      path,
      `the private key in ${shorten(name)} cannot be read: it is damaged, or of an unknown kind`,
    );
  }
}

/** The group may read it: programs that share a key have a group for that. */
function warnOfReaders(files: CertificateFiles, { name, stats }: ReadFile, path: FieldPath): void {
  if ((stats.mode & 0o026) === 0) return;
  const mode = (stats.mode & 0o777).toString(8);
  files.warning(
    path,
    `every user may read ${shorten(name)}, or others may write to it (mode ${mode}): chmod 640 ${name}`,
  );
}

function refuseKey(
  files: CertificateFiles,
  { cert, key: name }: PairFiles,
  path: FieldPath,
  chain: readonly X509Certificate[],
  key: KeyObject,
): null {
  const owner = chain.findIndex((one) => fits(one, key));
  if (owner > 0) {
    const found = `the key ${shorten(name)} is that of certificate ${owner + 1} of ${shorten(cert)}, not of the first one (${titleOf(chain[0])})`;
    return files.error([...path, 'cert'], `${found}: expected the certificate itself before those of the authorities`);
  }
  const found = `the key ${shorten(name)} does not fit the certificate ${shorten(cert)} (${titleOf(chain[0])})`;
  return files.error([...path, 'key'], `${found}: expected the key with which it was requested`);
}

/** The key is that of the certificate. */
export function fits(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    // A key of another kind.
    return false;
  }
}

function hasSigned(authority: X509Certificate, certificate: X509Certificate | undefined): boolean {
  try {
    return certificate?.checkIssued(authority) === true && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}

/** Its common name, or what else it is called. */
export function titleOf(certificate: X509Certificate | undefined): string {
  const lines = certificate?.subject?.split('\n') ?? [];
  const title = lines.find((line) => line.startsWith('CN=')) ?? lines.join(', ');
  return title === '' ? 'no subject' : title.slice(0, 100);
}

function warnOfUse(
  files: CertificateFiles,
  leaf: X509Certificate,
  names: readonly string[],
  file: string,
  path: FieldPath,
  { nowMs, server }: PairRules,
): void {
  const name = shorten(file);
  warnOfTime(files, leaf, `the certificate ${name}`, path, nowMs);
  if (server && names.length === 0) {
    files.warning(path, `the certificate ${name} has no host names (subjectAltName): clients do not accept it`);
  }
  const usages = leaf.keyUsage ?? [];
  const needed = server ? serverAuth : clientAuth;
  if (usages.length > 0 && !usages.includes(needed) && !usages.includes(anyUsage)) {
    const expected = server ? 'serverAuth: clients' : 'clientAuth: servers';
    files.warning(
      path,
      `the certificate ${name} is for another use (extendedKeyUsage), expected ${expected} do not accept it`,
    );
  }
}

export function warnOfTime(
  files: CertificateFiles,
  certificate: X509Certificate,
  name: string,
  path: FieldPath,
  nowMs: number,
): void {
  const [from, until] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs >= until) files.warning(path, `${name} has expired (${dateOf(until)})`);
  else if (nowMs < from) files.warning(path, `${name} is not valid yet (from ${dateOf(from)})`);
}

/** `2026-12-29T15:29:20Z`. */
export function dateOf(timeMs: number): string {
  return Number.isFinite(timeMs) ? new Date(timeMs).toISOString().replace('.000', '') : 'no date';
}

/** null: none is sent; undefined: what the config says cannot be done, which has been noted. */
function loadStaple(
  files: CertificateFiles,
  name: string | null,
  leaf: X509Certificate,
  path: FieldPath,
  { canStaple, nowMs }: PairRules,
): Uint8Array | null | undefined {
  if (name === null) return null;
  if (!canStaple) {
    files.error(
      path,
      `found ${shorten(name)}, expected nothing on Bun, which cannot send OCSP responses: leave it out, or run on Node`,
    );
    return undefined;
  }
  const file = files.read(name, path);
  if (file === null) return undefined;
  try {
    const answer = readOcsp(file.bytes, leaf);
    if (answer === null) {
      files.error(path, `the OCSP response ${shorten(name)} is about another certificate than ${titleOf(leaf)}`);
      return undefined;
    }
    if (answer.status !== 'good') {
      files.warning(path, `the OCSP response ${shorten(name)} says that the certificate is ${answer.status}`);
    } else if (nowMs >= answer.until || nowMs < answer.from) {
      const when = nowMs < answer.from ? `from ${dateOf(answer.from)}` : `until ${dateOf(answer.until)}`;
      files.warning(path, `the OCSP response ${shorten(name)} is valid ${when}: it is not sent`);
      return null;
    }
    return new Uint8Array(file.bytes);
  } catch (error) {
    const why = error instanceof Error ? `: ${error.message}` : '';
    files.error(path, `${shorten(name)} is no OCSP response in DER${why}`);
    return undefined;
  }
}
