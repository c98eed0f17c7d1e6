/**
 * A client that pipelines on and reads nothing: our own answers filled the socket, and the requests behind the one
 * that filled it were thrown away, so that the client waited for ever (found by reading, November 2026).
 */
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { until, untilStill } from '../support/until.ts';

const requests = 20_000;

describe.each(runtimes)('pipelined refusals on %s', (runtime) => {
  test('each of 20,000 gets its answer, in order, once the client reads', async () => {
    await using limpet = await startLimpet(runtime, {
      config: {
        pools: { app: { servers: ['127.0.0.1:1'], affinity: 'none' } },
        routes: [{ match: { host: 'served.example' }, pool: 'app' }],
      },
    });
    const socket = connect(limpet.port, '127.0.0.1').pause();
    socket.write('GET /not/here HTTP/1.1\r\nHost: other.example\r\n\r\n'.repeat(requests));
    const refused = async () => (await limpet.counters()).responses_4xx ?? 0;
    await until('the first answer', async () => (await refused()) > 0);
    // Answers that nobody reads fill the socket.
    await untilStill('their number', refused);
    let answers = 0;
    let rest = '';
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject).on('close', () => reject(new Error(`closed after ${answers} answers`)));
      socket.on('data', (chunk) => {
        const parts = (rest + chunk.toString('latin1')).split('HTTP/1.1 404 ');
        answers += parts.length - 1;
        // What may be the beginning of the next status line.
        rest = parts.at(-1)!.slice(-12);
        if (answers === requests) resolve();
      });
      socket.resume();
    });
    socket.destroy();
    expect(answers).toBe(requests);
  });
});
