/**
 * Certificates are replaced again and again while clients of HTTP/1.1 and HTTP/2 ask, on connections that stay and on new ones: no
 * request fails, no connection ends, and new handshakes get the new certificate. Eight times here, fifty times with LIMPET_LONG=1.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { getOn, handshake } from '../support/https.ts';
import { startLimpet } from '../support/limpet.ts';
import { long } from '../support/long.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { freshH1, freshH2, keptH1, keptH2, type LoadClient, resumingH1 } from '../support/renewal-load.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const changes = long ? 50 : 8;
/** Requests of each client between two changes. */
const between = 5;
/** The kernel chooses the worker of a connection: with this many in a row, both have been asked. */
const handshakes = 12;

describe.each(runtimes)('on %s', (runtime) => {
  onlyOver('h1', 'it brings its own clients');

  test(`certificates change ${changes} times under load`, { timeout: long ? 600_000 : 120_000 }, async () => {
    const authority = new TestAuthority();
    const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
    const file = join(folder, 'a.pem');
    let put = 0;
    const change = () => {
      put++;
      const { cert, key } = authority.issue(['a.example'], { subject: String(put) });
      writeFileSync(`${file}.new`, key + cert, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    };
    change();
    await using origin = await httpOrigin('a', (request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
    });
    const tls = { certificates: [{ cert: file, key: file }] };
    const config = { ...configFor([origin]), listeners: [{ address: '127.0.0.1:0', tls }], workers: 2 };
    await using limpet = await startLimpet(runtime, { config });

    /** The last certificate that every worker was seen to show. */
    let inForce = 1;
    const { port } = limpet;
    const target = { port, servername: 'a.example', ca: authority.cert };
    const stays = [keptH1, keptH1, keptH1, keptH2, keptH2].map((open) => open(target));
    const news = [freshH1, freshH1, freshH2].map((open) => open(target));
    const clients: LoadClient[] = [...stays, ...news, resumingH1(target)];
    const failures: string[] = [];
    const answered = clients.map(() => 0);
    let stopping = false;
    const running = clients.map(async (client, at) => {
      for (let n = 0; !stopping; n++) {
        const least = inForce;
        const [path, body] = [`/${at}/${n}`, n % 2 === 0 ? '' : `body ${n}`];
        try {
          const { status, text, shown } = await client.ask(path, body);
          const expected = `${body === '' ? 'GET' : 'POST'} ${path} ${body}`;
          if (status !== 200 || text !== expected) failures.push(`${client.name} ${path}: ${status} ${text}`);
          const isNew = news.includes(client);
          // Put into force before the handshake began, and written before it was over.
          if (isNew && !(Number(shown) >= least && Number(shown) <= put)) {
            failures.push(`${client.name} ${path}: certificate ${shown}, expected ${least} to ${put}`);
          }
        } catch (error) {
          failures.push(`${client.name} ${path}: ${error}`);
        }
        answered[at]!++;
        if (failures.length > 20) return;
      }
    });

    const everyone = (least: readonly number[]) =>
      failures.length > 0 || answered.every((count, at) => count >= least[at]! + between);
    const shownByAll = async (subject: string) => {
      for (let n = 0; n < handshakes; n++) {
        const shown = await handshake(port, { servername: 'a.example', ca: authority.cert });
        // With an answer, the server has seen the end of the handshake.
        const text = await getOn(shown.socket, '/watch');
        shown.socket.destroy();
        if (text !== 'GET /watch ') failures.push(`/watch: ${text}`);
        if (shown.subject !== subject) return false;
      }
      return true;
    };
    while (put < changes + 1 && failures.length === 0) {
      const before = [...answered];
      await until(`every client was answered ${between} times`, () => everyone(before));
      change();
      await until(`certificate ${put} is in force`, () => shownByAll(String(put)));
      inForce = put;
    }
    const before = [...answered];
    await until('every client was answered with the last one', () => everyone(before));
    stopping = true;
    await Promise.all(running);

    expect(failures).toEqual([]);
    // Each of those that stay has opened one connection, and it is open.
    expect(stays.map(({ opened }) => opened())).toEqual(stays.map(() => 1));
    const counters = await limpet.counters();
    expect(counters).toMatchObject({
      certificates_renewed: changes,
      certificates_refused: 0,
      tls_handshakes_failed: 0,
    });
    expect(counters.tls_handshakes_resumed).toBeGreaterThan(0);
    for (const client of clients) client.close();
    rmSync(folder, { recursive: true });
    if (long) {
      const count = answered.reduce((sum, one) => sum + one, 0);
      const { tls_handshakes, tls_handshakes_resumed } = counters;
      console.log(`${runtime}: ${changes} changes, ${count} requests, ${failures.length} failed;`, {
        tls_handshakes,
        tls_handshakes_resumed,
      });
    }
  });
});
