/** Certificates for the cases of TLS, made by openssl when the tests run. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificatePair } from '../../src/net/tls.ts';

export interface Wanted {
  readonly subject: string;
  /** As `subjectAltName` of openssl has them: `DNS:a.test,IP:127.0.0.1`. */
  readonly altNames: string;
  readonly key?: 'ec' | 'rsa';
  /** Negative: it has expired. */
  readonly days?: number;
}

const keyOptions = { ec: ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], rsa: ['rsa:2048'] };

/** An authority of its own. Its folder is removed by `dispose`. */
export class Authority {
  readonly cert: string;
  private readonly folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
  private issued = 0;

  constructor(name: string) {
    const constraint = ['-addext', 'basicConstraints=critical,CA:TRUE'];
    this.run('req', '-x509', '-days', '30', '-subj', `/CN=${name}`, ...constraint, ...this.newKey('ec', 'ca'));
    this.cert = this.read('ca.crt');
  }

  issue({ subject, altNames, key = 'ec', days = 30 }: Wanted): CertificatePair {
    const name = `c${this.issued++}`;
    writeFileSync(join(this.folder, 'names.ext'), `subjectAltName=${altNames}\n`);
    this.run('req', '-new', '-subj', subject, ...this.newKey(key, name));
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names.ext'];
    this.run('x509', '-req', '-in', `${name}.crt`, '-out', `${name}.pem`, '-days', String(days), ...signer);
    return { cert: this.read(`${name}.pem`), key: this.read(`${name}.key`), staple: null };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private newKey(kind: 'ec' | 'rsa', name: string): string[] {
    return ['-newkey', ...keyOptions[kind], '-nodes', '-keyout', `${name}.key`, '-out', `${name}.crt`];
  }

  private run(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  private read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }
}
