/** Certificates are replaced while clients are connected: new handshakes get the new one, open connections and a broken pair change nothing. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Issued, TestAuthority } from '../support/certificates.ts';
import { getOn, handshake, shownFor } from '../support/https.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const authority = new TestAuthority();
const ca = authority.cert;
const issue = (subject: string) => authority.issue(['a.example'], { subject });

describe.each(runtimes)('on %s', (runtime) => {
  test('files replaced by rename, a broken pair, SIGHUP, and a connection that is open all the time', {
    timeout: 60_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
    const put = (name: string, text: string) => {
      writeFileSync(join(folder, `${name}.new`), text, { mode: 0o600 });
      renameSync(join(folder, `${name}.new`), join(folder, name));
    };
    const putPair = ({ cert, key }: Issued) => {
      put('a.crt', cert);
      put('a.key', key);
    };
    putPair(issue('first'));
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    const tls = { certificates: [{ cert: join(folder, 'a.crt'), key: join(folder, 'a.key') }] };
    const config = { ...configFor([origin]), listeners: [{ address: '127.0.0.1:0', tls }], workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    const { socket, subject } = await handshake(limpet.port, { servername: 'a.example', ca });
    expect([subject, await getOn(socket)]).toEqual(['first', 'hello']);

    const all = async (expected: string) => {
      // Both workers: the kernel chooses.
      for (let n = 0; n < 8; n++)
        if ((await shownFor(limpet.port, 'a.example', { ca, rejectUnauthorized: true })).subject !== expected)
          return false;
      return true;
    };
    putPair(issue('second'));
    await until('every worker shows the second', () => all('second'));

    put('a.key', issue('other').key);
    await until('it says so', async () => limpet.stderr().includes('does not fit the certificate'));
    expect(await all('second')).toBe(true);
    expect(await limpet.counters()).toMatchObject({ certificates_renewed: 1, certificates_refused: 1 });
    await expect(limpet.reload(config)).rejects.toThrow('does not fit the certificate');
    expect(await all('second')).toBe(true);

    putPair(issue('third'));
    await limpet.reload(config);
    expect(await all('third')).toBe(true);
    expect(await getOn(socket)).toBe('hello');
    socket.destroy();
    rmSync(folder, { recursive: true });
  });

  test('a folder behind a symbolic link, as Kubernetes and certbot have them', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
    const version = (name: string) => {
      const { cert, key } = issue(name);
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'tls.crt'), cert, { mode: 0o600 });
      writeFileSync(join(folder, name, 'tls.key'), key, { mode: 0o600 });
      symlinkSync(name, join(folder, '..data.new'));
      renameSync(join(folder, '..data.new'), join(folder, '..data'));
    };
    version('v1');
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(folder, name));
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    const tls = { certificates: [{ cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }] };
    const config = { ...configFor([origin]), listeners: [{ address: '127.0.0.1:0', tls }] };
    await using limpet = await startLimpet(runtime, { config });
    expect((await shownFor(limpet.port, 'a.example')).subject).toBe('v1');
    for (const name of ['v2', 'v3']) {
      version(name);
      await until(`it shows ${name}`, async () => (await shownFor(limpet.port, 'a.example')).subject === name);
    }
    rmSync(folder, { recursive: true });
  });

  test('TLS is added and taken away at the same address: the listener is opened anew', {
    timeout: 60_000,
  }, async () => {
    onlyOver('h1', 'at first its listener speaks without TLS, to clients without a bridge');
    const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
    const { cert, key } = issue('first');
    writeFileSync(join(folder, 'a.pem'), key + cert, { mode: 0o600 });
    const file = join(folder, 'a.pem');
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    const plain = { ...configFor([origin]), listeners: [{ address: '127.0.0.1:0' }] };
    const secure = {
      ...plain,
      listeners: [{ address: '127.0.0.1:0', tls: { certificates: [{ cert: file, key: file }] } }],
    };
    await using limpet = await startLimpet(runtime, { config: plain });
    await expect(shownFor(limpet.port, 'a.example')).rejects.toThrow();
    await limpet.reload(secure);
    const { socket } = await handshake(limpet.port, { servername: 'a.example', ca });
    expect(await getOn(socket)).toBe('hello');
    await limpet.reload(plain);
    expect(await getOn(socket)).toBe('hello');
    await expect(shownFor(limpet.port, 'a.example')).rejects.toThrow();
    expect((await fetch(limpet.url)).status).toBe(200);
    socket.destroy();
    rmSync(folder, { recursive: true });
  });
});
