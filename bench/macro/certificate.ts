/** The certificate that every rival shows: ECDSA P-256, made by OpenSSL when it is first asked for. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, findProgram, temporaryDirectory } from './processes.ts';

export interface Certificate {
  /** Paths of PEM files: the certificate, its key, and both in one. */
  readonly cert: string;
  readonly key: string;
  readonly pair: string;
}

export const certificateName = 'bench.example';

let made: Certificate | undefined;

/** Throws with OpenSSL's words when it cannot be made. */
export function certificate(): Certificate {
  if (made !== undefined) return made;
  const dir = temporaryDirectory();
  const paths = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), pair: join(dir, 'pair.pem') };
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  const names = ['-subj', `/CN=${certificateName}`, '-addext', `subjectAltName=DNS:${certificateName}`];
  capture(findProgram('openssl') ?? 'openssl', [...kind, ...names, '-keyout', paths.key, '-out', paths.cert]);
  writeFileSync(paths.pair, `${readFileSync(paths.cert, 'utf8')}${readFileSync(paths.key, 'utf8')}`);
  return (made = paths);
}
