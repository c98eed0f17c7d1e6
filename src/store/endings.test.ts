import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { caseOptions, newKey, putOf } from '../../test/support/store-contract.ts';
import { testCases } from '../../test/support/store-suite.ts';
import { Counters } from '../metrics/counters.ts';
import { EndingStore } from './endings.ts';
import { EndingsJournal } from './endings-journal.ts';
import { MemoryStore } from './memory.ts';
import { anyEpoch, type SessionKey, type Store, StoreError, silentEviction } from './store.ts';

const root = mkdtempSync(join(tmpdir(), 'limpet-endings-'));
const opened: EndingStore[] = [];
afterAll(async () => {
  // A journal's file that nobody closes is closed by the garbage collector, at any time and with an error.
  for (const endings of opened) await endings.close();
  rmSync(root, { recursive: true, force: true });
});
let files = 0;
const newFile = () => join(root, `${++files}`, 'endings');

/** A store whose ends fail, or never answer, as the test says. */
async function stage({ file = newFile(), most = 100, memory = new HandTime() } = {}) {
  const time = memory;
  const kept = new MemoryStore({ ...caseOptions, maxBytes: 2 ** 30, eviction: silentEviction }, () => time.now());
  return { ...(await over(kept, time, file, most)), kept };
}

async function over(kept: MemoryStore, time: HandTime, file: string, most = 100) {
  const state = { away: false, silent: false, asked: 0, epoch: 0 };
  const store: Store = Object.assign(Object.create(kept) as MemoryStore, {
    destroy: (key: SessionKey, epoch: number) => {
      state.asked++;
      if (state.silent) return new Promise<never>(() => {});
      return state.away ? Promise.reject(new StoreError('unavailable', 'away')) : kept.destroy(key, epoch);
    },
  });
  const told: string[] = [];
  const warnings: string[] = [];
  const counters = new Counters();
  const endings = await EndingStore.open(store, {
    journal: new EndingsJournal(file),
    most,
    timeoutMs: 1000,
    timers: time,
    counters,
    epochOf: () => state.epoch,
    onEnding: (id) => told.push(`ending ${id}`),
    onEnded: (id) => told.push(`ended ${id}`),
    log: { info: () => {}, warn: (message) => warnings.push(message) },
  });
  opened.push(endings);
  return { endings, state, told, warnings, counters, time, file };
}

/** Until the promises that a timer has set off are through, the file's included. */
async function settled(check: () => boolean): Promise<void> {
  while (!check()) await turn();
}

const ending = { name: 'StoreError', code: 'ending' };

testCases('a store in which ends survive', {
  open: async () => {
    const { endings, time } = await stage();
    return { store: endings, age: async (ms) => time.advance(ms), now: () => time.now() };
  },
  modelRuns: 20,
});

describe('an end that the store cannot take', () => {
  test('makes the session unusable, and is told again until the store has it', async () => {
    const { endings, state, told, counters, time, kept, file } = await stage();
    const key = newKey();
    await endings.put(key, putOf());
    state.away = true;
    await expect(endings.destroy(key, 1)).rejects.toMatchObject(ending);
    expect(told).toEqual([`ending ${key.id}`]);
    expect(readFileSync(file, 'utf8')).toContain(key.id);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const used = [
      endings.read(key),
      endings.put(key, putOf({ version: 2 })),
      endings.claim(key, 1, 2, 1000),
      endings.touch(key, 1, 1000),
      endings.rotate(key, newKey().id, putOf({ version: 2 })),
      endings.destroy(key, 1),
    ];
    for (const one of used) await expect(one).rejects.toMatchObject(ending);
    expect((await endings.read(newKey())).state).toBe('none');
    for (let times = 0; times < 3; times++) {
      const { asked } = state;
      time.advance(2000);
      await settled(() => state.asked > asked && time.pending > 1);
    }
    expect(endings.pending).toBe(1);
    state.away = false;
    time.advance(2000);
    await settled(() => endings.pending === 0);
    expect(told).toEqual([`ending ${key.id}`, `ended ${key.id}`]);
    expect((await endings.read(key)).state).toBe('ended');
    expect((await kept.read(key)).state).toBe('ended');
    expect(await endings.destroy(key, 1)).toEqual({ state: 'ended' });
    expect(counters.snapshot()).toMatchObject({ endings: 1, endings_pending: 0, endings_refused: 0 });
    await endings.close();
  });

  test('is told soon when the store answers anything again, however long it was away', async () => {
    const { endings, state, time } = await stage();
    const key = newKey();
    state.away = true;
    await expect(endings.destroy(key, 1)).rejects.toMatchObject(ending);
    // Until the pauses are as long as they get.
    await settled(() => {
      time.advance(100);
      return state.asked > 6;
    });
    await turn();
    state.away = false;
    await endings.expire();
    time.advance(200);
    await settled(() => endings.pending === 0);
    expect((await endings.read(key)).state).toBe('ended');
  });

  test('is not among the sessions of its user any more; one of whatever epoch is told as such, after a restart too', async () => {
    const { endings, state, time, kept, file } = await stage();
    const [key, other] = [newKey(), newKey()];
    const user = 'ad'.repeat(16);
    for (const one of [key, other]) await endings.put(one, putOf({ epoch: 7, user }));
    state.away = true;
    await expect(endings.destroy(key, anyEpoch)).rejects.toMatchObject(ending);
    expect(await endings.ofUser('shop', user)).toEqual([other.id]);
    expect(await kept.ofUser('shop', user)).toHaveLength(2);
    await endings.close();
    // Another node has claimed and changed it meanwhile.
    const again = new MemoryStore({ ...caseOptions, maxBytes: 2 ** 30, eviction: silentEviction }, () => time.now());
    await again.put(key, putOf({ epoch: 9, version: 2, user }));
    const next = await over(again, time, file);
    expect(await next.endings.ofUser('shop', user)).toEqual([]);
    time.advance(200);
    await settled(() => next.endings.pending === 0);
    expect((await again.read(key)).state).toBe('ended');
    await next.endings.close();
  });

  test('because it does not answer waits too', async () => {
    const { endings, state, time, told } = await stage();
    const silent = newKey();
    state.silent = true;
    const asked = endings.destroy(silent, 1);
    time.advance(1000);
    await expect(asked).rejects.toMatchObject(ending);
    state.silent = false;
    time.advance(200);
    await settled(() => endings.pending === 0);
    expect(told).toEqual([`ending ${silent.id}`, `ended ${silent.id}`]);
    await endings.close();
  });

  test('outlives the process, also one that wrote half a line last', async () => {
    const first = await stage();
    const [key, other] = [newKey(), newKey()];
    await first.endings.put(key, putOf());
    first.state.away = true;
    for (const one of [key, other]) await expect(first.endings.destroy(one, 1)).rejects.toMatchObject(ending);
    // Killed: nothing is closed.
    writeFileSync(first.file, '[1,"sho', { flag: 'a' });
    const second = await over(first.kept, first.time, first.file);
    expect(second.told.toSorted()).toEqual([`ending ${key.id}`, `ending ${other.id}`].toSorted());
    await expect(second.endings.read(key)).rejects.toMatchObject(ending);
    second.time.advance(200);
    await settled(() => !existsSync(first.file));
    const third = await over(first.kept, first.time, first.file);
    expect(third.told).toEqual([]);
    expect((await third.endings.read(key)).state).toBe('ended');
  });

  test('is refused when too many wait: then the session lives on, and nobody was told otherwise', async () => {
    const { endings, state, counters, told } = await stage({ most: 1 });
    const [first, second] = [newKey(), newKey()];
    await endings.put(second, putOf());
    state.away = true;
    await expect(endings.destroy(first, 1)).rejects.toMatchObject(ending);
    await expect(endings.destroy(second, 1)).rejects.toMatchObject({
      code: 'unavailable',
      message: /sessions\.endings/,
    });
    expect((await endings.read(second)).state).toBe('live');
    expect(counters.snapshot()).toMatchObject({ endings: 1, endings_pending: 1, endings_refused: 1 });
    expect(told).toHaveLength(1);
  });

  test('of an older epoch than the session is known to have waits for nobody', async () => {
    const { endings, state } = await stage();
    state.away = true;
    state.epoch = 2;
    await expect(endings.destroy(newKey(), 1)).rejects.toMatchObject({ code: 'unavailable' });
    expect(endings.pending).toBe(0);
  });

  test('ends the session too that another node has claimed meanwhile', async () => {
    const { endings, state, kept, time } = await stage();
    const key = newKey();
    await endings.put(key, putOf());
    state.away = true;
    await expect(endings.destroy(key, 1)).rejects.toMatchObject(ending);
    await kept.claim(key, 1, 9, 60_000);
    state.away = false;
    time.advance(200);
    await settled(() => endings.pending === 0);
    expect((await kept.read(key)).state).toBe('ended');
  });

  test('is kept in memory when the state folder cannot be written, and that is told once', async () => {
    const file = newFile();
    writeFileSync(join(root, `${files}`), 'a file where the folder should be');
    const kept = new MemoryStore({ ...caseOptions, maxBytes: 2 ** 30, eviction: silentEviction }, () => 0);
    const journal = new EndingsJournal(file);
    await expect(journal.add({ key: newKey(), epoch: 1 })).rejects.toThrow();
    rmSync(join(root, `${files}`));
    const { endings, state, warnings, counters } = await over(kept, new HandTime(), file);
    mkdirSync(file, { recursive: true });
    state.away = true;
    for (const key of [newKey(), newKey()]) await expect(endings.destroy(key, 1)).rejects.toMatchObject(ending);
    expect(endings.pending).toBe(2);
    expect(warnings).toEqual([
      expect.stringMatching(/store fails: away/),
      expect.stringMatching(/not safe from a restart/),
    ]);
    expect(counters.snapshot()).toMatchObject({ endings: 2, endings_unsaved: 2 });
  });
});

test('a journal that cannot be read ends the start with a sentence', async () => {
  const file = newFile();
  mkdirSync(file, { recursive: true });
  await expect(stage({ file })).rejects.toMatchObject({ name: 'UsageError', message: expect.stringContaining(file) });
});

test('a journal that is closed opens its file no more', async () => {
  const file = newFile();
  const journal = new EndingsJournal(file);
  const one = { key: newKey(), epoch: 1 };
  await journal.add(one);
  await journal.close();
  await expect(journal.add({ key: newKey(), epoch: 1 })).rejects.toThrow('closed');
  await expect(journal.remove(one, new Map())).rejects.toThrow('closed');
  expect(await new EndingsJournal(file).read()).toEqual([one]);
});

test('a journal is written anew before it grows without a bound', async () => {
  const file = newFile();
  const journal = new EndingsJournal(file);
  const stays = { key: newKey(), epoch: 3 };
  await journal.add(stays);
  for (let n = 0; n < 1200; n++) {
    const one = { key: newKey(), epoch: 1 };
    await journal.add(one);
    await journal.remove(one, new Map([['stays', stays]]));
  }
  await journal.close();
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(5000);
  expect(await new EndingsJournal(file).read()).toEqual([stays]);
});

test('many that wait are told once each, step by step', async () => {
  const { endings, state, time, file, kept } = await stage({ most: 5000 });
  const keys = Array.from({ length: 300 }, () => newKey());
  state.away = true;
  const refused = await Promise.allSettled(keys.map((key) => endings.destroy(key, 1)));
  expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
  state.away = false;
  state.asked = 0;
  time.advance(200);
  await settled(() => !existsSync(file));
  expect(endings.pending).toBe(0);
  expect(state.asked).toBe(keys.length);
  expect((await kept.read(keys.at(-1)!)).state).toBe('ended');
});
