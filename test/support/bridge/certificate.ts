/** The certificate that the balancer shows when the suites speak TLS: made once for each process, for loopback, with openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, installationOf } from '../programs.ts';

export interface TestCertificate {
  /** Paths of PEM files. The certificate is its own authority. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
}

/** What clients ask for by SNI: addresses have no place there. */
export const certificateName = 'limpet.test';

let made: TestCertificate | undefined;

export function testCertificate(): TestCertificate {
  made ??= makeCertificate();
  return made;
}

function makeCertificate(): TestCertificate {
  const openssl = findProgram('openssl');
  if (openssl === undefined) throw new Error(`openssl is not installed (${installationOf('openssl')})`);
  const folder = mkdtempSync(join(tmpdir(), 'limpet-certificate-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const certFile = join(folder, 'limpet.crt');
  const keyFile = join(folder, 'limpet.key');
  const names = `subjectAltName=DNS:${certificateName},DNS:localhost,IP:127.0.0.1,IP:::1`;
  // For 40 days: a shorter one would be warned of.
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '40'];
  const is = ['-subj', `/CN=${certificateName}`, '-addext', names];
  execFileSync(openssl, [...kind, ...is, '-keyout', keyFile, '-out', certFile], { stdio: 'pipe' });
  return { certFile, keyFile, cert: readFileSync(certFile, 'latin1') };
}
