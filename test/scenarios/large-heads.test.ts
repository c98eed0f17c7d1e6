/** Heads far larger than one read, up and down, and the limits at which they are refused. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, echoOf, valuesIn } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

describe.each(runtimes)('large heads on %s', (runtime) => {
  test('pass within the limit and are refused beyond it', async () => {
    await using origin = await httpOrigin('a');
    const limits = { headBytes: '12k', uriBytes: '4k', headers: 50 };
    await using limpet = await startLimpet(runtime, { config: configFor([origin], {}, { limits }) });
    const cookie = `big=${'x'.repeat(9000)}`;
    const echo = echoOf(await ask(`${limpet.url}/${'p'.repeat(1500)}`, { headers: { cookie } }));
    expect(echo.url).toBe(`/${'p'.repeat(1500)}`);
    expect(valuesIn(echo.headers, 'cookie')).toEqual([cookie]);

    expect((await ask(limpet.url, { headers: { cookie: 'x'.repeat(13_000) } })).status).toBe(431);
    expect((await ask(`${limpet.url}/${'p'.repeat(5000)}`)).status).toBe(414);
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, '1']));
    expect((await ask(limpet.url, { headers: many })).status).toBe(431);
    expect(origin.requests()).toBe(1);
  });

  test('a response with forty cookies of its own keeps them in order beside ours', async () => {
    const own = Array.from({ length: 40 }, (_, i) => `c${i}=${'y'.repeat(200)}; Path=/${i}`);
    await using origin = await httpOrigin('a', (_, response) =>
      response.writeHead(200, { 'set-cookie': own }).end('ok'),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const reply = await ask(limpet.url);
    expect(reply.setCookies.filter((line) => /^c\d/.test(line))).toEqual(own);
    expect(reply.setCookies).toHaveLength(41);
  });
});
