/** `codec: 'devalue'` on each strategy: what JSON cannot write is there again with the next request, wherever that goes. */
import { describe, expect, test } from 'vitest';
import { type Session, type SessionOptions, sessions } from '../../src/session/index.ts';
import { host } from '../support/host.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client, serve } from './support/client.ts';
import { MapStore } from './support/map-store.ts';

interface Rich {
  when: Date;
  seats: Map<string, Set<bigint>>;
  picture: Buffer;
}

function fill(session: Session): string {
  session.set('when', new Date(1e12));
  session.set('seats', new Map([['a', new Set([1n])]]));
  session.set('picture', Buffer.from('limpet'));
  return 'filled';
}

function add(session: Session): string {
  const { when, seats } = session.data as unknown as Rich;
  when.setTime(when.getTime() + 1);
  seats.get('a')?.add(BigInt(seats.get('a')?.size ?? 0) + 1n);
  return 'added';
}

function tell(session: Session): string {
  const { when, seats, picture } = session.data as unknown as Rich;
  return `${when.toISOString()} ${[...(seats.get('a') ?? [])].join()} ${picture.toString()} ${Buffer.isBuffer(picture)}`;
}

function app(options: SessionOptions) {
  const errors: Error[] = [];
  const made = sessions({ codec: 'devalue', onError: (error) => errors.push(error), ...options });
  const acts: Record<string, (session: Session) => string> = { '/fill': fill, '/add': add };
  const handle = made.handle((request, response, session) => {
    if (request.url === '/function') session.data.bad = () => 1;
    response.end((acts[request.url ?? ''] ?? tell)(session));
  });
  return { handle, errors, close: () => made.close() };
}

async function follow(client: Client, between: () => void): Promise<void> {
  expect(await client.get('/fill')).toMatchObject({ status: 200, body: 'filled' });
  between();
  expect((await client.get('/tell')).body).toBe('2001-09-09T01:46:40.000Z 1 limpet true');
  // Changes in depth count: no name has been set.
  for (let n = 0; n < 2; n++) expect((await client.get('/add')).status).toBe(200);
  between();
  expect((await client.get('/tell')).body).toBe('2001-09-09T01:46:40.002Z 1,2,3 limpet true');
  expect((await client.get('/function')).headers.get('limpet-reason')).toBe('not-serialisable');
  expect((await client.get('/tell')).body).toBe('2001-09-09T01:46:40.002Z 1,2,3 limpet true');
}

const strategies: Record<string, SessionOptions> = {
  local: { strategy: 'local' },
  shared: { strategy: 'shared', store: new MapStore() },
  stateless: { strategy: 'stateless', secret: 'a secret for these tests only' },
};

describe('devalue', () => {
  for (const [name, options] of Object.entries(strategies)) {
    test(`with ${name}`, async () => {
      const { handle, close } = app(options);
      await using server = await serve(handle);
      await follow(new Client(`http://${host}:${server.port}`), () => {});
      await close();
    });
  }

  test('with sticky, also on the server that the session moves to', async () => {
    const [one, two] = [app({ strategy: 'sticky' }), app({ strategy: 'sticky' })];
    await using first = await serve(one.handle);
    await using second = await serve(two.handle);
    await using balancer = await TestBalancer.start({ servers: [first.port, second.port] });
    const client = new Client(balancer.url);
    const ports = [second.port, first.port];
    await follow(client, () => balancer.claim(client.id, ports.shift() ?? 0));
    await Promise.all([one.close(), two.close()]);
  });

  test('a codec that there is not is refused at the door', () => {
    const codec: string = 'msgpack';
    expect(() => sessions({ strategy: 'local', codec: codec as 'json' })).toThrow(
      'codec: found "msgpack", expected json, devalue, or an object with encode, decode, check',
    );
  });
});
