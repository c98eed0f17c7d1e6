/** Certificates that cannot be used are refused as a part of the config: a start listens nowhere, a reload changes nothing, and the message names field and file. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { TestAuthority } from '../support/certificates.ts';
import { limpetCommand, spawnCommand } from '../support/command.ts';
import { getOn, handshake } from '../support/https.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor } from '../support/peers.ts';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const authority = new TestAuthority();
const [good, other] = [authority.issue(['a.example']), authority.issue(['b.example'])];
const files: Readonly<Record<string, string>> = {
  'a.crt': good.cert,
  'a.key': good.key,
  'b.key': other.key,
  'ca.crt': authority.cert,
  'empty.pem': '',
};

function stage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const pools = { a: { servers: ['127.0.0.1:1'] } };
const listenersOf = (tls: unknown) => [{ address: '127.0.0.1:0', tls }];

/** The exit code, and what it said. */
async function start(runtime: Runtime, folder: string, args: readonly string[]): Promise<[number, string]> {
  const { closed, said } = spawnCommand(limpetCommand(runtime, join(folder, 'state'), args), folder);
  const [code] = await closed;
  return [code, said()];
}

function startWith(runtime: Runtime, folder: string, config: unknown): Promise<[number, string]> {
  writeFileSync(join(folder, 'limpet.yaml'), stringify(config));
  return start(runtime, folder, ['--config', 'limpet.yaml']);
}

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'its listeners have TLS by themselves');

  test.each([
    ['a.crt', 'b.key', /certificates\[0\]\.key: the key b\.key does not fit the certificate a\.crt \(CN=a\.example\)/],
    ['none.crt', 'a.key', /certificates\[0\]\.cert: cannot read none\.crt: there is no such file/],
    ['a.key', 'a.crt', /are cert and key the wrong way round\?/],
    ['empty.pem', 'a.key', /certificates\[0\]\.cert: found .*empty\.pem, expected a certificate in PEM/],
  ])('a start with %s and %s', async (cert, key, message) => {
    const [code, said] = await startWith(runtime, stage(), {
      listeners: listenersOf({ certificates: [{ cert, key }] }),
      pools,
    });
    expect([code, said]).toEqual([3, expect.stringMatching(message)]);
    expect(said).toContain('limpet.yaml is not valid');
    expect(said).not.toContain('listening on');
  });

  test('a start by flags: exit code 2, and the flag is named', async () => {
    const [code, said] = await start(runtime, stage(), ['3001', '--tls-cert', 'a.crt', '--tls-key', 'b.key']);
    expect([code, said]).toEqual([2, expect.stringMatching(/--tls-key b\.key: the key b\.key does not fit/)]);
  });

  test('a start with a pool whose authorities cannot be read', async () => {
    const secure = { a: { ...pools.a, tls: { ca: 'none.pem' } } };
    const [code, said] = await startWith(runtime, stage(), { listeners: [{ address: '127.0.0.1:0' }], pools: secure });
    expect([code, said]).toEqual([3, expect.stringMatching(/pools\.a\.tls\.ca: cannot read none\.pem/)]);
  });

  test('tls: auto, where others could have written its files', async () => {
    const folder = stage();
    mkdirSync(join(folder, 'state/tls'), { recursive: true, mode: 0o700 });
    chmodSync(join(folder, 'state/tls'), 0o777);
    const [code, said] = await startWith(runtime, folder, { listeners: listenersOf('auto'), pools });
    expect([code, said]).toEqual([
      3,
      expect.stringMatching(/others may write to the folder .*state\/tls \(mode 777\)/),
    ]);
    expect(said).not.toContain('listening on');
  });

  test('a reload with a wrong certificate: nothing of it is applied', { timeout: 60_000 }, async () => {
    const folder = stage();
    const pair = (cert: string, key: string) => ({ cert: join(folder, cert), key: join(folder, key) });
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    const before = { ...configFor([origin]), listeners: listenersOf({ certificates: [pair('a.crt', 'a.key')] }) };
    await using limpet = await startLimpet(runtime, { config: before });
    const ask = async () => {
      const { socket } = await handshake(limpet.port, { servername: 'a.example', ca: authority.cert });
      const text = await getOn(socket);
      socket.destroy();
      return text;
    };
    const wrong = { ...before, identify: true, listeners: listenersOf({ certificates: [pair('a.crt', 'b.key')] }) };
    await expect(limpet.reload(wrong)).rejects.toThrow(/does not fit the certificate/);
    const without = { ...before, pools: { app: { servers: ['127.0.0.1:1'], tls: { ca: join(folder, 'none.pem') } } } };
    await expect(limpet.reload(without)).rejects.toThrow(/none\.pem: there is no such file/);
    expect(await ask()).toBe('hello');
    expect(await limpet.counters()).toMatchObject({ certificates_renewed: 0, tls_handshakes: 1 });
  });

  const staple = runtime === 'bun' ? 'is refused, for it would not be sent' : 'that is none is refused';
  test(`an OCSP response ${staple}`, async () => {
    const certificate = { cert: 'a.crt', key: 'a.key', ocsp: 'empty.pem' };
    const listeners = listenersOf({ certificates: [certificate] });
    const [code, said] = await startWith(runtime, stage(), { listeners, pools });
    const message = runtime === 'bun' ? /expected nothing on Bun, which cannot send/ : /empty\.pem is no OCSP response/;
    expect([code, said]).toEqual([3, expect.stringMatching(message)]);
  });
});
