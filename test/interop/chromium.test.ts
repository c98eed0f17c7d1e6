/** A page in a real Chromium: its fetches, its event stream and its WebSocket all meet one server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { startLimpet } from '../support/limpet.ts';
import type { Origin } from '../support/origin.ts';
import { listen } from '../support/peers.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';

const page = `<!doctype html><title>scar</title><script>
async function visit() {
  const seen = { fetch: [], events: [], socket: [] };
  for (let i = 0; i < 20; i++) seen.fetch.push(await (await fetch('/who')).text());
  await new Promise((done) => {
    const source = new EventSource('/events');
    source.onmessage = (event) => { if (seen.events.push(event.data) === 3) { source.close(); done(); } };
  });
  await new Promise((done) => {
    const socket = new WebSocket('ws://' + location.host + '/socket');
    socket.onmessage = (event) => { seen.socket.push(event.data); socket.close(); };
    socket.onclose = done;
  });
  return { ...seen, cookie: document.cookie };
}
</script>`;

function startApp(name: string): Promise<Origin> {
  const server = createServer((request, response) => {
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      // One event after the other, each when the one before has left; then the stream stays open.
      const say = (count: number): void => {
        if (count > 0) response.write(`data: ${name}\n\n`, () => say(count - 1));
      };
      say(3);
    } else if (request.url === '/who') {
      response.end(name);
    } else {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page);
    }
  });
  new WebSocketServer({ server }).on('connection', (socket) => socket.send(name));
  return listen(name, server);
}

test.for(runtimes)(
  'a Chromium page through limpet on %s stays with one server',
  { timeout: 60_000 },
  async (runtime, context) => {
    const executablePath = needProgram(context, 'chromium');
    await using a = await startApp('a');
    await using b = await startApp('b');
    await using c = await startApp('c');
    await using limpet = await startLimpet(runtime, { args: [a, b, c].map((app) => app.address) });

    const profile = mkdtempSync(join(tmpdir(), 'limpet-chromium-'));
    const browser = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
    });
    try {
      const tab = await browser.newPage();
      await tab.goto(limpet.url);
      const seen = (await tab.evaluate('visit()')) as Record<'fetch' | 'events' | 'socket', string[]> & {
        cookie: string;
      };
      expect(seen.fetch).toHaveLength(20);
      expect(new Set([...seen.fetch, ...seen.events, ...seen.socket]).size).toBe(1);
      expect(seen.socket).toHaveLength(1);

      const cookies = await browser.cookies();
      expect(cookies).toMatchObject([{ path: '/', httpOnly: true, secure: false, sameSite: 'Lax' }]);
      // The page's own scripts cannot read it.
      expect(seen.cookie).toBe('');
    } finally {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    }
  },
);
