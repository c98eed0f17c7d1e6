/** A server that sends a body where none may be is named once in the log, whichever worker sees it, until it is another server. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { rawOrigin } from '../support/origin.ts';
import { configFor, until } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';

const named = /server app\/a breaks HTTP: bytes that answer nothing/g;

function bodyOnHead() {
  return rawOrigin('a', (connection, received) => {
    connection.forget(received.length);
    return connection.say('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON');
  });
}

describe.each(runtimes)('a server that breaks HTTP behind %s', (runtime) => {
  test('is named once, by all workers together, and again when it is another one', async () => {
    await using first = await bodyOnHead();
    await using second = await bodyOnHead();
    const configOf = (origin: typeof first) => ({ ...configFor([origin], { affinity: 'none' }), workers: 2 });
    await using limpet = await startLimpet(runtime, { config: configOf(first) });
    const asked = async (times: number) => {
      const { upstream_misframed: before = 0 } = await limpet.counters();
      // As many connections as it takes for both workers to have had one.
      for (let i = 0; i < 16; i++) {
        await using client = await RawClient.connect(limpet.port);
        await client.send('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
        const { status, body } = await client.response('HEAD');
        expect([status, body.length, client.rest.length]).toEqual([200, 0, 0]);
      }
      await until('each was counted', async () => (await limpet.counters()).upstream_misframed === before + 16);
      await until('it was named', () => (limpet.stderr().match(named)?.length ?? 0) >= times);
      expect(limpet.stderr().match(named)).toHaveLength(times);
    };
    await asked(1);
    await limpet.reload(configOf(second));
    await asked(2);
  });
});
