/** `--tls auto`: an authority is made and kept, its certificates verify, and a second start changes nothing. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { getOn, handshake } from '../support/https.ts';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'its listener has TLS by itself');

  test('flags: verified by name and by address, and not without the authority', { timeout: 60_000 }, async () => {
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    await using limpet = await startLimpet(runtime, { args: [origin.address, '--tls', 'auto', '--workers', '2'] });
    const folder = join(limpet.folder, 'state/tls');
    const ca = readFileSync(join(folder, 'authority.crt'), 'latin1');
    const byName = await handshake(limpet.port, { servername: 'localhost', ca, ALPNProtocols: ['h2', 'http/1.1'] });
    expect([byName.socket.authorized, byName.protocol]).toEqual([true, 'h2']);
    byName.socket.destroy();
    const byAddress = await handshake(limpet.port, { ca });
    expect([byAddress.socket.authorized, await getOn(byAddress.socket)]).toEqual([true, 'hello']);
    byAddress.socket.destroy();
    await expect(handshake(limpet.port, { servername: 'localhost' })).rejects.toThrow(/certificate|issuer/);
    await expect(handshake(limpet.port, { servername: 'shop.example', ca })).rejects.toThrow(/altnames|does not match/);
    expect(limpet.stderr()).toContain(
      `made a local certificate authority for tls: auto: ${join(folder, 'authority.crt')}`,
    );
    expect(limpet.stderr()).toMatch(/listening on https:/);
  });

  test('a second start keeps the authority; names of its listeners are added', { timeout: 60_000 }, async () => {
    await using origin = await httpOrigin('a', (_, response) => response.end('hello'));
    await using first = await startLimpet(runtime, {
      config: { ...configFor([origin]), listeners: [{ address: '127.0.0.1:0', tls: 'auto' }] },
    });
    const state = join(first.folder, 'state');
    const ca = readFileSync(join(state, 'tls/authority.crt'), 'latin1');
    const shown = await handshake(first.port, { ca });
    shown.socket.destroy();
    expect((await first.stop()).code).toBe(0);

    const addresses = ['127.0.0.1:0', '127.0.0.2:0', ...(hasIPv6 ? ['[::1]:0'] : [])];
    await using second = await startLimpet(runtime, {
      config: { ...configFor([origin]), listeners: addresses.map((address) => ({ address, tls: 'auto' })) },
      env: { LIMPET_STATE: state },
    });
    expect(second.stderr()).not.toContain('made a local certificate authority');
    expect(readFileSync(join(state, 'tls/authority.crt'), 'latin1')).toBe(ca);
    for (const address of second.addresses) {
      const [, host = '', port] = /^\[?(.+?)\]?:(\d+)$/.exec(address) ?? [];
      const { socket, fingerprint } = await handshake(Number(port), { host, ca });
      expect([host, socket.authorized, await getOn(socket)]).toEqual([host, true, 'hello']);
      expect(fingerprint).not.toBe(shown.fingerprint);
      socket.destroy();
    }
    expect(await second.counters()).toMatchObject({ tls_handshakes: addresses.length, tls_handshakes_failed: 0 });
  });
});
