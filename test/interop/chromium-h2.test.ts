/** A page in a real Chromium over TLS: its fetches, its events and its WebSocket are streams of HTTP/2, and meet one server. */
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { testCertificate } from '../support/bridge/certificate.ts';
import { startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { configOver, urlOver } from '../support/own-listener.ts';
import { listen, together } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const page = `<!doctype html><title>limpet</title><script>
async function visit() {
  const seen = { fetch: [], events: [], socket: [] };
  seen.fetch.push(...await Promise.all(Array.from({ length: 30 }, async (_, n) => (await fetch('/who?' + n)).text())));
  const body = 'x'.repeat(300000);
  seen.upload = await (await fetch('/upload', { method: 'POST', body })).text();
  await new Promise((done) => {
    const source = new EventSource('/events');
    source.onmessage = (event) => { if (seen.events.push(event.data) === 3) { source.close(); done(); } };
  });
  await new Promise((done, fail) => {
    const socket = new WebSocket('wss://' + location.host + '/socket');
    socket.onmessage = (event) => { seen.socket.push(event.data); socket.close(); };
    socket.onclose = done;
    socket.onerror = () => fail(new Error('the WebSocket failed'));
  });
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return { ...seen, cookie: document.cookie, protocols: entries.map((entry) => entry.nextHopProtocol) };
}
</script>`;

interface Seen {
  readonly fetch: string[];
  readonly events: string[];
  readonly socket: string[];
  readonly upload: string;
  readonly cookie: string;
  readonly protocols: string[];
}

function startApp(name: string): Promise<Origin> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const say = (count: number): void => {
        if (count > 0) response.write(`data: ${name}\n\n`, () => say(count - 1));
      };
      say(3);
    } else if (path === '/upload') {
      let length = 0;
      request.on('data', (piece: Buffer) => {
        length += piece.length;
      });
      request.on('end', () => response.end(`${name} ${length}`));
    } else if (path === '/who') response.end(name);
    else response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  });
  // The cookie is there: with another session it would be another server, mostly.
  new WebSocketServer({ server }).on('connection', (socket) => socket.send(name));
  return listen(name, server);
}

/** By which Chromium believes a certificate that no authority has signed. */
function keyHash(): string {
  const { publicKey } = new X509Certificate(testCertificate().cert);
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}

test.for(runtimes)(
  'a Chromium page over HTTP/2 on %s stays with one server',
  { timeout: 90_000 },
  async (runtime, context) => {
    const executablePath = needProgram(context, 'chromium');
    await using apps = await together(['a', 'b', 'c'].map(startApp));
    await using limpet = await startLimpet(runtime, { config: configOver('tls', apps) });
    const profile = mkdtempSync(join(tmpdir(), 'limpet-chromium-'));
    const usual = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'];
    const args = [...usual, `--ignore-certificate-errors-spki-list=${keyHash()}`];
    const browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args });
    try {
      const tab = await browser.newPage();
      await tab.goto(urlOver('tls', limpet));
      const seen: Seen = await tab.evaluate('visit()');
      expect(seen.fetch).toHaveLength(30);
      const servers = new Set([...seen.fetch, ...seen.events, ...seen.socket]);
      expect([servers.size, seen.socket.length]).toEqual([1, 1]);
      expect(seen.upload).toBe(`${[...servers][0]} 300000`);
      expect(new Set(seen.protocols)).toEqual(new Set(['h2']));

      const cookies = await browser.cookies();
      expect(cookies).toMatchObject([{ path: '/', httpOnly: true, secure: true, sameSite: 'Lax' }]);
      expect(seen.cookie).toBe('');
      // The WebSocket had no connection of its own: all of them spoke HTTP/2.
      const { tunnels, h2_connections, connections_accepted } = await limpet.counters();
      expect([tunnels, h2_connections]).toEqual([1, connections_accepted]);
    } finally {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    }
  },
);
