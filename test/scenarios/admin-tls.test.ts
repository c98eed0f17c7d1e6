/** The admin listener with TLS: the commands as its clients, what they trust, and a certificate that is replaced. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { limpetCommand } from '../support/command.ts';
import { freePort } from '../support/free-port.ts';
import { shownFor } from '../support/https.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { CertificateFiles } from '../support/secure-client.ts';
import { onlyOver } from '../support/transport.ts';

const token = 'an operator that is long enough to be one';

describe.each(runtimes)('on %s', (runtime) => {
  test('commands go over TLS, trust what they are told to, and a new certificate is taken over', {
    timeout: 60_000,
  }, async () => {
    onlyOver('h1', 'it looks at the admin listener');
    await using origin = await httpOrigin('a');
    using files = new CertificateFiles();
    const putPair = (subject: string) =>
      files.pair('a', files.authority.issue(['127.0.0.1', 'admin.example'], { subject }));
    const ca = files.put('ca.crt', files.authority.cert);
    const other = files.put('other.crt', new TestAuthority('Other').cert);
    const tls = { ...putPair('first'), ca };
    const port = await freePort();
    const config = {
      pools: { shop: { servers: [{ name: 'a', address: origin.address }] } },
      admin: { listen: `127.0.0.1:${port}`, token, hosts: ['admin.example'], tls },
    };
    await using limpet = await startLimpet(runtime, { config });
    const url = `https://127.0.0.1:${port}`;
    expect(limpet.stderr()).toContain(`admin on ${url}`);
    const command = (...args: string[]) => {
      const { file, args: all, env } = limpetCommand(runtime, join(limpet.folder, 'state'), args);
      const options = { env: { ...env, LIMPET_ADMIN_TOKEN: token }, encoding: 'utf8' } as const;
      // With a config it is that of the current folder.
      const cwd = args.includes('--admin') ? dirname(ca) : limpet.folder;
      const { status, stdout, stderr } = spawnSync(file, all, { cwd, ...options });
      return { status, text: stdout + stderr };
    };
    expect(command('drain', 'a')).toEqual({ status: 0, text: expect.stringContaining('shop/a: draining\n') });
    expect(command('ready', 'a', '--admin', url, '--ca', ca)).toEqual({ status: 0, text: 'shop/a: ready\n' });
    expect(command('sessions', 'list', '--admin', url, '--ca', ca).status).toBe(0);

    const untrusted = {
      status: 3,
      text: expect.stringMatching(/its certificate is not trusted \(.+\): name its authority/),
    };
    expect(command('servers', '--admin', url)).toEqual(untrusted);
    expect(command('servers', '--admin', url, '--ca', other)).toEqual(untrusted);
    expect(command('servers', '--admin', `https://localhost:${port}`, '--ca', ca)).toEqual(untrusted);
    const plain = command('servers', '--admin', `http://127.0.0.1:${port}`);
    expect(plain).toEqual({ status: 3, text: expect.stringContaining('it expects https') });
    const noTls = command('servers', '--admin', `https://${new URL(limpet.url).host}`, '--ca', ca);
    expect(noTls).toEqual({ status: 3, text: expect.stringContaining('no TLS is spoken there') });

    putPair('second');
    const shown = () => shownFor(port, 'admin.example', { ca: files.authority.cert, rejectUnauthorized: true });
    await until('it shows the second certificate', async () => (await shown()).subject === 'second');
    expect(command('servers', '--admin', url, '--ca', ca).status).toBe(0);
    files.put('a.key', 'nonsense');
    await until('it says what is wrong', () => limpet.stderr().includes('changed certificates cannot be used'));
    expect((await shown()).subject).toBe('second');
  });
});
