/**
 * I7: no answer reaches another client. Many clients pipeline, leave in the middle, read slowly; the server
 * answers late, in pieces, closes and resets. Whatever arrives must be the client's own, in order and whole.
 */
import { describe, expect, test } from 'vitest';
import { fuzzSeed, Random } from '../fuzz/random.ts';
import { startLimpet } from '../support/limpet.ts';
import { CLOSE, type RawOriginConnection, RESET, rawOrigin, type Step } from '../support/origin.ts';
import { RawClient, type Response, readMessage, show } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { markOf, newMark } from './stage.ts';

const clients = 32;
const rounds = 60;

/** Body of the answer to a mark: long enough, sometimes, for windows and pools to fill. */
function bodyOf(mark: string): string {
  const number = Number(mark.slice(1));
  return `${mark}.`.repeat(number % 37 === 0 ? 40_000 : 1 + (number % 50));
}

function answer(mark: string, random: Random): Step[] {
  const body = bodyOf(mark);
  const whole = random.chance(50)
    ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    : `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const at = random.below(whole.length);
  const steps: Step[] = random.chance(30) ? [random.below(8)] : [];
  switch (random.below(10)) {
    case 0:
      return [...steps, whole, CLOSE];
    case 1:
      return [...steps, whole.slice(0, at), random.chance(50) ? RESET : CLOSE];
    case 2:
      return [RESET];
    case 3:
      return [...steps, whole.slice(0, at), random.below(8), whole.slice(at)];
    default:
      return [...steps, whole];
  }
}

describe.each(runtimes)('crossing on %s', (runtime) => {
  const seed = fuzzSeed();

  test(`${clients} clients, FUZZ_SEED=${seed}`, { timeout: 120_000 }, async () => {
    const random = new Random(seed);
    const answering = new WeakMap<RawOriginConnection, Promise<void>>();
    await using origin = await rawOrigin('origin', (connection, received) => {
      for (;;) {
        const message = readMessage(connection.received(), 0, 'framed', false);
        if (message === null) return;
        connection.forget(message.end);
        const steps = answer(markOf(message.line) ?? show(received), random);
        const before = answering.get(connection) ?? Promise.resolve();
        answering.set(
          connection,
          before.then(() => connection.say(...steps)),
        );
      }
    });
    await using limpet = await startLimpet(runtime, {
      config: {
        pools: { main: { servers: [origin.address], health: { passive: false }, maxIdle: 8 } },
      },
    });
    const wrong: string[] = [];
    let whole = 0;
    const one = async () => {
      for (let round = 0; round < rounds && wrong.length < 5; round++) {
        const came = await runClient(limpet.port, random, wrong);
        whole += came;
      }
    };
    await Promise.all(Array.from({ length: clients }, one));
    expect(wrong).toEqual([]);
    // Most clients stay and most answers are whole: else nothing has been shown.
    expect(whole).toBeGreaterThan(clients * rounds);
  });
});

/** One connection with up to six requests; answers the number of whole responses that came. */
async function runClient(port: number, random: Random, wrong: string[]): Promise<number> {
  const marks = Array.from({ length: 1 + random.below(6) }, newMark);
  await using client = await RawClient.connect(port);
  const requests = marks.map((mark) => {
    const body = random.chance(20) ? 'x'.repeat(random.below(3000)) : '';
    return `${body === '' ? 'GET' : 'PUT'} /${mark} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  const all = requests.join('');
  await client.send(all, random.chance(50) ? [random.below(all.length)] : []);
  const leaving = random.below(10);
  if (leaving < 2) {
    const enough = random.chance(50) ? 0 : 1 + random.below(30);
    await client.wait('some bytes', 10_000, () => client.received.length >= enough || client.state !== 'open');
    if (leaving === 0) client.reset();
    else client.end();
  }
  let whole = 0;
  for (const mark of marks) {
    let response: Response;
    try {
      response = await client.response('GET', 10_000);
    } catch (error) {
      if (client.state === 'open') wrong.push(`${mark}: ${error instanceof Error ? error.message : error}`);
      break;
    }
    const body = response.body.toString('latin1');
    const wanted = bodyOf(mark);
    if (!response.complete) {
      if (response.status === 200 && !wanted.startsWith(body)) wrong.push(`${mark} got, cut: ${show(body, 200)}`);
      break;
    }
    if (response.status === 200) {
      if (body !== wanted) wrong.push(`${mark} got ${show(body, 200)}`);
      whole++;
    } else if (response.status !== 502 && response.status !== 503) wrong.push(`${mark} got ${response.status}`);
  }
  return whole;
}
