/** Every hostile client of TLS of the table, on both runtimes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { rawOrigin } from '../support/origin.ts';
import { type Message, readMessage } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { tlsCases } from './tls.ts';
import { ask, makeCertificates, type TlsStage } from './tls-stage.ts';

test('the table has at least 25 cases, each with a name of its own', () => {
  expect(tlsCases.length).toBeGreaterThanOrEqual(25);
  expect(new Set(tlsCases.map(({ name }) => name)).size).toBe(tlsCases.length);
});

describe.each(runtimes)('hostile TLS on %s', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-tls-'));
  const messages: Message[] = [];
  let origin: Origin;
  let limpet: Limpet;
  let stage: TlsStage;

  beforeAll(async () => {
    const { authority, clients, servers, ca } = makeCertificates(folder);
    origin = await rawOrigin('origin', (connection, received) => {
      const message = readMessage(received, 0, 'framed', false);
      if (message === null) return;
      connection.forget(message.end);
      messages.push(message);
      void connection.say('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    const headers = { subject: 'X-Client-Subject' };
    // Ports of their own: listeners are told apart by their addresses.
    const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()));
    const [open = 0, required = 0, asked = 0, plain = 0] = ports;
    const listener = (port: number, clientCertificates?: object) => ({
      address: `127.0.0.1:${port}`,
      timeouts: { handshake: '1s' },
      tls: { certificates: servers, ...(clientCertificates === undefined ? {} : { clientCertificates }) },
    });
    limpet = await startLimpet(runtime, {
      config: {
        listeners: [
          listener(open),
          listener(required, { ca, require: true, headers }),
          listener(asked, { ca, require: false, headers }),
          { address: `127.0.0.1:${plain}` },
        ],
        pools: { main: { servers: [{ name: 'origin', address: origin.address }], health: { passive: false } } },
        log: { access: 'off' },
      },
    });
    stage = {
      ports: { open, required, asked, plain },
      authority,
      clients,
      requests: () => messages.length,
      lastHeader: (name) => messages.at(-1)?.headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1],
    };
  });

  afterAll(async () => {
    await limpet?.[Symbol.asyncDispose]();
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const one of tlsCases) {
    test(`${one.name} (${one.source})`, async () => {
      const before = stage.requests();
      const found = await one.run(stage);
      const wanted = typeof one.wanted === 'string' ? [one.wanted] : one.wanted;
      expect(wanted).toContain(found);
      expect(stage.requests() - before, 'requests at the server').toBe(one.requests);
      expect(await ask(stage.ports.open), 'a client after it').toBe('200');
    });
  }
});
