/** A cache must never hand one user's cookie to another: a response that carries it is private, or carries none. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

/** What the server says, and what it becomes when the cookie is set. '' is no header. */
const table = [
  ['public, max-age=60', 'private, max-age=60'],
  ['max-age=60, s-maxage=600', 'private, max-age=60'],
  ['no-store', 'no-store'],
  ['private, max-age=5', 'private, max-age=5'],
  ['', 'private'],
] as const;

describe.each(runtimes)('cacheable responses on %s', (runtime) => {
  test('become private when they bind a session, and stay as they are afterwards', async () => {
    await using origin = await httpOrigin('a', (request, response) => {
      const value = table[Number(request.url?.slice(1))]?.[0] ?? '';
      if (value !== '') response.setHeader('cache-control', value);
      response.end('body');
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    for (const [i, [before, after]] of table.entries()) {
      const visitor = new Visitor(limpet.url);
      const binding = await visitor.ask(`/${i}`);
      expect([binding.setCookies.length, binding.headers['cache-control']]).toEqual([1, after]);
      const later = await visitor.ask(`/${i}`);
      expect([later.setCookies.length, later.headers['cache-control'] ?? '']).toEqual([0, before]);
    }
  });

  test('a 304 and an answer to HEAD, which may update what is stored, become private too', async () => {
    await using origin = await httpOrigin('a', (request, response) => {
      response.statusCode = request.headers['if-none-match'] === undefined ? 200 : 304;
      response.setHeader('etag', '"1"').end();
    });
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    for (const options of [{ headers: { 'if-none-match': '"1"' } }, { method: 'HEAD' }]) {
      const { setCookies, headers } = await ask(limpet.url, options);
      expect([setCookies.length, headers['cache-control']]).toEqual([1, 'private']);
    }
    const affinity = [{ cookie: { onCacheable: 'skip' } }];
    await using skips = await startLimpet(runtime, { config: configFor([origin], { affinity }) });
    const { status, setCookies, headers } = await ask(skips.url, { headers: { 'if-none-match': '"1"' } });
    expect([status, setCookies.length, headers['cache-control']]).toEqual([304, 0, undefined]);
  });

  test('onCacheable: skip leaves them alone and binds with the next response that may', async () => {
    await using origin = await httpOrigin('a', (request, response) => {
      response.setHeader('cache-control', request.url === '/asset' ? 'public, max-age=60' : 'no-store').end('body');
    });
    const affinity = [{ cookie: { onCacheable: 'skip' } }];
    await using limpet = await startLimpet(runtime, { config: configFor([origin], { affinity }) });
    const asset = await ask(`${limpet.url}/asset`);
    expect([asset.setCookies.length, asset.headers['cache-control']]).toEqual([0, 'public, max-age=60']);
    const page = await ask(`${limpet.url}/page`);
    expect([page.setCookies.length, page.headers['cache-control']]).toEqual([1, 'no-store']);
  });
});
