/** Compiles the C programs of the benchmark: the load, the servers, the floor. Once each in a run. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capture, findProgram, temporaryDirectory } from './processes.ts';

const compiled = new Map<string, string>();

/** Path of the program made from `source`, a path beside this file; `tls`: its load is TLS. Throws with the compiler's words. */
export function compile(source: string, tls = false): string {
  const key = `${source} ${tls}`;
  let program = compiled.get(key);
  if (program === undefined) {
    program = join(temporaryDirectory(), 'program');
    const path = fileURLToPath(new URL(source, import.meta.url));
    const options = ['-O2', '-Wall', '-Wextra', ...(tls ? ['-DTLS'] : [])];
    const libraries = tls ? ['-lssl', '-lcrypto'] : [];
    capture(findProgram('cc') ?? 'cc', [...options, '-o', program, path, ...libraries]);
    compiled.set(key, program);
  }
  return program;
}

/** Why there is no load over TLS on this machine, or null. */
export function missingForTls(): string | null {
  const isThere = findProgram('openssl') !== null && existsSync('/usr/include/openssl/ssl.h');
  return isThere ? null : 'the load needs OpenSSL (Debian: apt-get install openssl libssl-dev)';
}
