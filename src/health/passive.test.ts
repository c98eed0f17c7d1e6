import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import type { PassiveOptions } from '../config/options.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Server } from '../fleet/server.ts';
import { PassiveHealth } from './passive.ts';

const options: PassiveOptions = { connectErrors: 3, serverErrors: 5, ejection: 1000, maxEjection: 6000 };

function setUp(changed: Partial<PassiveOptions> = {}) {
  const time = new HandTime();
  const servers = [0, 1].map(
    (i) =>
      new Server(
        { name: `s${i}`, address: { kind: 'tcp', host: '127.0.0.1', port: i }, weight: 1, maxRequests: 0 },
        i + 1,
        i,
      ),
  );
  const fleet = new Fleet(servers, { panicThreshold: 0, slowStart: 0 });
  const said: string[] = [];
  const health = new PassiveHealth({
    fleet,
    options: { ...options, ...changed },
    clock: time,
    timers: time,
    log: (server, up, reason) => said.push(`${server.name} ${up ? 'up' : 'down'}: ${reason}`),
  });
  const server = servers[0]!;
  const times = (count: number, act: () => void) => {
    for (let i = 0; i < count; i++) act();
  };
  return {
    time,
    said,
    health,
    server,
    other: servers[1]!,
    refuse: (count = 1) => times(count, () => health.connectFailed(server)),
    answer: (status: number, count = 1) => times(count, () => health.answered(server, status)),
  };
}

describe('ejection', () => {
  test('by connection errors in a row', () => {
    const { refuse, server, other, said } = setUp();
    refuse(2);
    expect(server.state).toBe('up');
    refuse();
    expect([server.state, other.state]).toEqual(['down', 'up']);
    expect(said).toEqual(['s0 down: 3 connection errors in a row: ejected for 1000 ms']);
  });

  test('by server errors in a row', () => {
    const { answer, server, said } = setUp();
    answer(500, 3);
    // Beyond 599 it is one, too (RFC 9110 section 15).
    answer(999);
    expect(server.state).toBe('up');
    answer(600);
    expect(server.state).toBe('down');
    expect(said).toEqual(['s0 down: 5 server errors in a row: ejected for 1000 ms']);
  });

  test('not when a good answer comes between', () => {
    const { answer, refuse, server } = setUp();
    for (let i = 0; i < 20; i++) {
      refuse(2);
      answer(404);
      answer(500, 4);
      answer(200);
      expect(server.failures).toBe(0);
    }
    expect(server.state).toBe('up');
  });

  test('an error answer is an answer: it ends a row of connection errors', () => {
    const { answer, refuse, server } = setUp();
    refuse(2);
    answer(500);
    refuse(2);
    expect(server.state).toBe('up');
    expect(server.failures).toBe(5);
  });

  test('a connection error does not end a row of server errors', () => {
    const { answer, refuse, server } = setUp();
    answer(502, 4);
    refuse();
    answer(502);
    expect(server.state).toBe('down');
  });

  test('501 and 505 are the fault of the request', () => {
    const { answer, server } = setUp();
    answer(501, 50);
    answer(505, 50);
    expect([server.state, server.failures]).toEqual(['up', 0]);
  });

  test('serverErrors 0: what it answers never matters', () => {
    const { answer, refuse, server } = setUp({ serverErrors: 0 });
    answer(500, 50);
    expect([server.state, server.failures]).toEqual(['up', 0]);
    refuse(3);
    expect(server.state).toBe('down');
  });

  test('is not prolonged by failures that were under way', () => {
    const { answer, refuse, server, time, said } = setUp();
    refuse(64);
    answer(500, 64);
    time.advance(999);
    expect(server.state).toBe('down');
    time.advance(1);
    expect(server.state).toBe('up');
    expect(said).toHaveLength(2);
  });
});

describe('probation', () => {
  function onProbation() {
    const made = setUp();
    made.refuse(3);
    made.time.advance(1000);
    expect(made.server.state).toBe('up');
    return made;
  }

  test.each(['refuse', 'answer'] as const)('one failure ejects at once, for twice as long: %s', (how) => {
    const made = onProbation();
    if (how === 'refuse') made.refuse();
    else made.answer(500);
    expect(made.server.state).toBe('down');
    made.time.advance(1999);
    expect(made.server.state).toBe('down');
    made.time.advance(1);
    expect(made.server.state).toBe('up');
  });

  test('two good answers are not enough, three are', () => {
    const { answer, refuse, server } = onProbation();
    answer(200, 2);
    expect(server.failures).toBeGreaterThan(0);
    answer(200);
    expect(server.failures).toBe(0);
    refuse(2);
    expect(server.state).toBe('up');
  });

  test('still counts after two good answers', () => {
    const { answer, refuse, server } = onProbation();
    answer(200, 2);
    refuse();
    expect(server.state).toBe('down');
  });

  test('the back-off doubles up to its limit and is reset by the end of a probation', () => {
    const { refuse, answer, said, time } = setUp();
    refuse(3);
    for (let i = 0; i < 4; i++) {
      time.advance(6000);
      refuse();
    }
    time.advance(6000);
    answer(200, 3);
    refuse(3);
    const lengths = said.filter((line) => line.includes('down')).map((line) => Number(/for (\d+) ms/.exec(line)?.[1]));
    expect(lengths).toEqual([1000, 2000, 4000, 6000, 6000, 1000]);
  });
});

describe('in panic', () => {
  test('a good answer of an ejected server brings it back at once, on probation', () => {
    const { answer, refuse, server, said, time } = setUp();
    refuse(3);
    answer(200);
    expect(server.state).toBe('up');
    expect(said.at(-1)).toBe('s0 up: answered well while ejected: on probation');
    expect(time.pending).toBe(0);
    // That answer was the first of the three.
    answer(200, 2);
    expect(server.failures).toBe(0);
  });

  test('and one failure takes it out again', () => {
    const { answer, refuse, server } = setUp();
    refuse(3);
    answer(200);
    refuse();
    expect(server.state).toBe('down');
  });
});

test('whatever happens: the fleet and the failures agree, and at most one timer runs', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('refuse' as const) }),
    fc.record({ kind: fc.constant('answer' as const), status: fc.constantFrom(200, 302, 404, 500, 501, 503) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { time, server, refuse, answer } = setUp({ connectErrors: 2, serverErrors: 2 });
      for (const one of steps) {
        if (one.kind === 'refuse') refuse();
        else if (one.kind === 'answer') answer(one.status);
        else time.advance(one.ms);
        // A timer runs exactly while it is ejected, and an ejected server is never on the fast path.
        expect(time.pending).toBe(server.state === 'down' ? 1 : 0);
        if (server.state === 'down') expect(server.failures).toBeGreaterThan(0);
      }
      // Ejected or not: with time and good answers every server comes back for good.
      time.advance(options.maxEjection);
      answer(200, 3);
      expect([server.state, server.failures]).toEqual(['up', 0]);
    }),
  );
});

test('stopped: nobody is let back in any more', () => {
  const { refuse, health, server, time } = setUp();
  refuse(3);
  health.stop();
  time.advance(100_000);
  expect([server.state, time.pending]).toEqual(['down', 0]);
});
