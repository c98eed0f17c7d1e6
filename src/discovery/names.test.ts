import { describe, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { defaults } from '../config/defaults.ts';
import type { LimpetOptions } from '../config/options.ts';
import { Counters } from '../metrics/counters.ts';
import type { Reply } from './dns-query.ts';
import { Names } from './names.ts';

function configOf(...hosts: string[]): Pick<LimpetOptions, 'pools' | 'resolver'> {
  const servers = hosts.map((host) => ({ name: host, address: { kind: 'tcp', host, port: 80 } }));
  const pools = [{ name: 'shop', servers }] as unknown as LimpetOptions['pools'];
  return { pools, resolver: { ...defaults.resolver, minTtl: 1000, maxTtl: 30_000, retry: 5000, maxAddresses: 3 } };
}

const found = (addresses: string[], ttl = 10): Reply => ({ state: 'found', addresses, ttl });
const failed: Reply = { state: 'failed', reason: 'no answer' };
const none: Reply = { state: 'none' };

function stage() {
  const time = new HandTime();
  const counters = new Counters();
  const log: string[] = [];
  /** Questions that wait for an answer, in order. */
  const asked: { name: string; answer: (reply: Reply) => void }[] = [];
  let changes = 0;
  const names = new Names({
    find: (name) => new Promise((answer) => asked.push({ name, answer })),
    timers: time,
    counters,
    log: { info: (line) => log.push(line), warn: (line) => log.push(`! ${line}`) },
    onChange: () => changes++,
  });
  const answer = async (reply: Reply) => {
    asked.shift()!.answer(reply);
    await new Promise(setImmediate);
  };
  return { time, log, asked, names, answer, changes: () => changes, counts: () => counters.snapshot() };
}

test('the start waits for the first answers, and no longer than a look-up may take', async () => {
  const { names, answer, asked, time } = stage();
  let ready = 0;
  names.follow(configOf('a.test', 'b.test', '10.0.0.1', 'a.test')).then(() => ready++);
  expect(asked.map(({ name }) => name)).toEqual(['a.test', 'b.test']);
  await answer(found(['10.0.0.2']));
  expect(ready).toBe(0);
  await answer(none);
  expect([ready, Object.fromEntries(names.addresses)]).toEqual([1, { 'a.test': ['10.0.0.2'], 'b.test': [] }]);

  names.follow(configOf('c.test')).then(() => ready++);
  time.advance(defaults.resolver.timeout * defaults.resolver.attempts);
  await new Promise(setImmediate);
  expect([ready, Object.fromEntries(names.addresses)]).toEqual([2, { 'c.test': [] }]);
});

describe('a name is looked up again', () => {
  test.each<[string, Reply, number]>([
    ['when its TTL is over', found(['10.0.0.1'], 10), 10_000],
    ['not more often than minTtl', found(['10.0.0.1'], 0), 1000],
    ['not more seldom than maxTtl', found(['10.0.0.1'], 86_400), 30_000],
    ['soon when it does not exist', none, 5000],
    ['soon when nobody answers', failed, 5000],
  ])('%s', async (_when, reply, delay) => {
    const { names, answer, asked, time } = stage();
    names.follow(configOf('a.test'));
    await answer(reply);
    time.advance(delay - 1);
    expect(asked.length).toBe(0);
    time.advance(1);
    expect(asked.length).toBe(1);
  });

  test('not when no config has it any more', async () => {
    const { names, answer, asked, time, changes } = stage();
    names.follow(configOf('a.test', 'b.test'));
    await answer(found(['10.0.0.1']));
    names.follow(configOf('c.test'));
    await answer(found(['10.0.0.2']));
    expect([names.of('b.test'), changes()]).toEqual([undefined, 1]);
    await answer(found(['10.0.0.3']));
    time.advance(10_000);
    expect(asked.map(({ name }) => name)).toEqual(['c.test']);
    names.stop();
    await answer(found(['10.0.0.4']));
    expect([time.pending, changes()]).toEqual([0, 2]);
  });
});

test('what changes is told once, and the order of an answer is no change', async () => {
  const { names, answer, time, log, changes, counts } = stage();
  const next = async (reply: Reply) => {
    time.advance(30_000);
    await answer(reply);
    return names.of('a.test');
  };
  names.follow(configOf('a.test'));
  await answer(found(['2001:db8::1', '10.0.0.10', '10.0.0.9']));
  expect(names.of('a.test')).toEqual(['10.0.0.9', '10.0.0.10', '2001:db8::1']);
  await next(found(['10.0.0.9', '10.0.0.9', '2001:db8::1', '10.0.0.10']));
  expect(changes()).toBe(1);
  // The last good answer is kept while nobody answers.
  expect(await next(failed)).toEqual(['10.0.0.9', '10.0.0.10', '2001:db8::1']);
  await next(failed);
  await next(found(['10.0.0.9', '10.0.0.10', '2001:db8::1']));
  expect(changes()).toBe(1);
  expect(await next(none)).toEqual([]);
  await next(none);
  await next(failed);
  expect(await next(found(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']))).toEqual([
    '10.0.0.1',
    '10.0.0.2',
    '10.0.0.3',
  ]);
  expect(log).toEqual([
    'name a.test: 10.0.0.9, 10.0.0.10, 2001:db8::1',
    '! name a.test cannot be looked up (no answer): it stays 10.0.0.9, 10.0.0.10, 2001:db8::1',
    'name a.test: 10.0.0.9, 10.0.0.10, 2001:db8::1',
    '! name a.test does not exist: its servers cannot be reached',
    '! name a.test cannot be looked up (no answer): no address of it is known',
    'name a.test: 10.0.0.1, 10.0.0.2, 10.0.0.3',
  ]);
  expect(counts()).toMatchObject({ names_changed: 3, names_failed: 5, addresses_dropped: 1 });
});

test('no more than some are asked for at one time', async () => {
  const { names, answer, asked } = stage();
  const all = Array.from({ length: 40 }, (_, n) => `n${n}.test`);
  const done = names.follow(configOf(...all));
  expect(asked.length).toBe(16);
  for (let n = 0; n < 40; n++) await answer(found([`10.0.0.${n}`]));
  await done;
  expect([...names.addresses.values()].flat().length).toBe(40);
});
