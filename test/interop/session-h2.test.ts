/** The session library behind TLS and HTTP/2: a visitor signs in, fills the cart, and keeps both when the server is killed. */
import { Agent, fetch } from 'undici';
import { expect, test } from 'vitest';
import { Client } from '../session/support/client.ts';
import { launch } from '../session/support/launch.ts';
import { testCertificate } from '../support/bridge/certificate.ts';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { configOver, urlOver } from '../support/own-listener.ts';
import { together } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const secret = 'shared by the balancer and its servers, for tests';

test.each(
  runtimes.flatMap((runtime) =>
    ['express', runtime === 'bun' ? 'hono' : 'fastify'].map((app) => [app, runtime] as const),
  ),
)('%s on %s behind HTTP/2', { timeout: 60_000 }, async (app, runtime) => {
  await using apps = await together([1, 2].map(() => launch({ runtime, app, options: { secret } })));
  const servers = apps.map(({ port }, n) => ({ name: `s${n}`, address: `${host}:${port}` }));
  const config = { ...configOver('tls', servers), sessions: { store: 'memory', secret }, identify: true };
  await using limpet = await startLimpet(runtime, { config });
  const agent = new Agent({ allowH2: true, connect: { ca: testCertificate().cert } });
  await using _agent = { [Symbol.asyncDispose]: () => agent.destroy() };
  const visitor = new Client(urlOver('tls', limpet), async (url, options) => {
    const response = await fetch(url, { ...options, dispatcher: agent });
    return { status: response.status, headers: new Headers([...response.headers]), text: () => response.text() };
  });
  const state = async (): Promise<unknown> => JSON.parse((await visitor.get('/all')).body);

  const [other] = [visitor.twin()];
  expect((await visitor.get('/login?value=ada')).status).toBe(200);
  expect((await other.get('/login?value=bob')).status).toBe(200);
  // Many at the same time, as streams of one connection, for two users.
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? visitor : other).get(`/set?name=item${n}&value=${n}`)),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect((await visitor.get('/late?name=late&value=1')).body).toBe('first last');
  const evens = Array.from({ length: 10 }, (_, n) => [`item${2 * n}`, String(2 * n)]);
  const cart = { user: 'ada', ...Object.fromEntries(evens), late: '1' };
  expect(await state()).toEqual(cart);

  const { headers } = await visitor.get('/info');
  const owner = /^s(\d)/.exec(headers.get('limpet-server') ?? '')?.[1];
  await apps[Number(owner)]?.kill();
  expect(await state()).toEqual(cart);
  expect(JSON.parse((await visitor.get('/info')).body)).toMatchObject({ epoch: 2, isNew: false });
  expect((await visitor.get('/logout')).status).toBe(200);
  expect(await state()).toEqual({});
  expect(JSON.parse((await other.get('/all')).body)).toMatchObject({ user: 'bob' });
  const { connections_accepted, h2_connections, h2_streams } = await limpet.counters();
  expect(h2_connections).toBe(connections_accepted);
  expect(h2_streams).toBeGreaterThan(25);
});
