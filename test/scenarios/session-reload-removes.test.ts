/**
 * A reload takes a server out of the config, or gives it another address, while a request runs there: until that is over it may
 * read and put, and what it put is there for the next server. A server that the balancer does not know is told so, and never that
 * nothing is kept.
 */
import { mkdtempDisposable } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { type HttpOrigin, httpOrigin } from '../support/origin.ts';
import { ask, type Reply, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** Too large to ride along with the request that moves it. */
const state = (version: number) => `v${version} ${'x'.repeat(4000)}`;

interface Held {
  readonly fields: Readonly<Record<string, string>>;
  readonly response: ServerResponse;
}

/** An app server by hand: `/put` keeps version 1 with its answer, `/hold` waits for the test, anything else tells what it was told. */
class Hand implements AsyncDisposable {
  readonly origin: HttpOrigin;
  readonly held: Promise<Held>;

  private constructor(origin: HttpOrigin, held: Promise<Held>) {
    this.origin = origin;
    this.held = held;
  }

  static async start(name: string): Promise<Hand> {
    const { promise, resolve } = Promise.withResolvers<Held>();
    const origin = await httpOrigin(name, (request, response) => {
      const line = String(request.headers['limpet-session']);
      const fields = Object.fromEntries(line.split('; ').map((part) => part.split('=', 2) as [string, string]));
      if (request.url === '/hold') {
        resolve({ fields, response });
        return;
      }
      if (request.url === '/put') {
        const data = Buffer.from(state(1)).toString('base64url');
        response.setHeader('Limpet-Session-Put', `epoch=${fields.epoch}; version=1; ttl=600; by=${name}; data=${data}`);
      }
      response.end(JSON.stringify({ name, ...fields }));
    });
    return new Hand(origin, promise);
  }

  get address(): string {
    return this.origin.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.origin[Symbol.asyncDispose]();
  }
}

const listeners = [{ address: '127.0.0.1:0' }];
const toldOf = (reply: Reply) => JSON.parse(reply.body) as Record<string, string>;
const at = ({ store, pool, id }: Readonly<Record<string, string>>) => `${store}/${pool}/${id}`;
const put = (fields: Readonly<Record<string, string>>, version: number, by: string) =>
  ask(at(fields), {
    method: 'PUT',
    body: state(version),
    headers: { 'limpet-session-put': `epoch=${fields.epoch}; version=${version}; ttl=600; by=${by}` },
  }).then(({ status, headers }) => [status, headers['limpet-store']]);

describe.each(runtimes)('a server that leaves the config on %s', { timeout: 60_000 }, (runtime) => {
  test.each(['memory', 'lmdb'])('while a request runs there reads and puts on (%s)', async (kind) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'limpet-removed-'));
    await using a = await Hand.start('a');
    await using b = await Hand.start('b');
    const hands = { a, b };
    const configOf = (...names: ('a' | 'b')[]) => ({
      listeners,
      pools: { shop: { servers: names.map((name) => ({ name, address: hands[name].address })) } },
      sessions: { store: kind === 'memory' ? kind : `lmdb:${join(folder.path, 'copies')}` },
      workers: 2,
    });
    await using limpet = await startLimpet(runtime, { config: configOf('a', 'b') });
    const visitor = new Visitor(limpet.url);
    const begun = toldOf(await visitor.ask('/put'));
    const owner = begun.name as 'a' | 'b';
    const other = owner === 'a' ? 'b' : 'a';
    const answered = visitor.ask('/hold');
    const { fields, response } = await hands[owner].held;
    expect(fields).toMatchObject({ id: begun.id, epoch: '1', version: '1', reason: 'held' });

    await limpet.reload(configOf(other));
    const found = await ask(at(fields));
    expect([found.status, found.headers['limpet-store'], found.body]).toEqual([200, 'live', state(1)]);
    expect(await put(fields, 2, owner)).toEqual([204, 'kept']);
    response.end('done');
    expect((await answered).status).toBe(200);

    const next = toldOf(await visitor.ask('/'));
    expect(next).toMatchObject({ name: other, id: begun.id, epoch: '2', version: '2', reason: 'rebind' });
    expect((await ask(at(next))).body).toBe(state(2));
    // What the former owner still says is fenced, as of any other.
    expect(await put(fields, 3, owner)).toEqual([409, 'fenced']);
    expect((await ask(at(next))).body).toBe(state(2));
  });

  test('that has another address now is still itself, and the two processes are told apart', async () => {
    await using before = await Hand.start('before');
    await using after = await Hand.start('after');
    const configOf = ({ address }: Hand) => ({
      listeners,
      pools: { shop: { servers: [{ name: 'a', address }] } },
      sessions: {},
    });
    await using limpet = await startLimpet(runtime, { config: configOf(before) });
    const visitor = new Visitor(limpet.url);
    await visitor.ask('/put');
    const answered = visitor.ask('/hold');
    const { fields, response } = await before.held;
    await limpet.reload(configOf(after));
    expect((await ask(at(fields))).body).toBe(state(1));
    expect(await put(fields, 2, 'before')).toEqual([204, 'kept']);
    response.end();
    expect((await answered).status).toBe(200);
    const next = toldOf(await visitor.ask('/'));
    expect(next).toMatchObject({ name: 'after', id: fields.id, version: '2' });
    expect((await ask(at(next))).body).toBe(state(2));
    expect(await put(next, 3, 'after')).toEqual([204, 'kept']);
    expect(await put(fields, 3, 'before')).toEqual([409, 'fenced']);
  });

  test('is unknown, and a session that is not kept is something else', async () => {
    await using a = await Hand.start('a');
    await using limpet = await startLimpet(runtime, {
      config: { pools: { shop: { servers: [{ name: 'a', address: a.address }] } }, sessions: {} },
    });
    const fields = toldOf(await new Visitor(limpet.url).ask('/'));
    const strange: [Readonly<Record<string, string>>, number, string][] = [
      [fields, 404, 'none'],
      [{ ...fields, store: fields.store!.replace(/\d+$/, '999') }, 421, 'unknown-server'],
      [{ ...fields, pool: 'other' }, 421, 'unknown-server'],
      [{ ...fields, id: 'nobody' }, 400, 'malformed'],
      [{ ...fields, store: fields.store!.replace('/v1/', '/v2/') }, 400, 'malformed'],
    ];
    for (const [where, status, meaning] of strange) {
      const { headers, ...reply } = await ask(at(where));
      expect([reply.status, headers['limpet-store']]).toEqual([status, meaning]);
    }
  });
});
