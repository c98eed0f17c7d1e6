import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { Counters, counter } from '../metrics/counters.ts';
import { SteadyClock } from '../time/steady.ts';
import { readAhead, writeAhead } from './clock-file.ts';
import { Timekeeper } from './timekeeper.ts';

function stage() {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-time-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'state/clock');
  const said: string[] = [];
  const life = (shift = 0) => {
    const time = new HandTime();
    const machine = { shift };
    // The file goes by the uptime of the real machine: so does its clock here.
    const begun = Date.now() - time.now();
    const counters = new Counters();
    const tableSaver = new Timekeeper({
      shared: SteadyClock.share(),
      file,
      timers: time,
      counters,
      log: { warn: (text) => said.push(text) },
      sources: {
        wall: () => begun + time.now() + machine.shift,
        monotonic: () => time.now(),
        uptime: () => time.now(),
      },
    });
    const differs = () => Math.round((tableSaver.clock.now() - tableSaver.clock.wall()) / 60_000);
    return { time, machine, counters, tableSaver, differs };
  };
  return { folder, file, said, life };
}

test('a step is told and counted, and a process that is started anew goes on with the time that was', () => {
  const { file, said, life } = stage();
  const first = life();
  first.tableSaver.start();
  first.time.advance(5000);
  expect([said, existsSync(file)]).toEqual([[], true]);
  first.machine.shift = 2 * 3_600_000;
  first.time.advance(1000);
  expect(first.counters.values[counter.clock_steps]).toBe(1);
  expect(said).toEqual([
    "the machine's clock was set forward by 7200.0 s: sessions are timed by a clock that is 7199.9 s behind it, and approaches it by 0.1 s a second",
  ]);
  // Killed: nothing more is saved.
  expect(life(2 * 3_600_000).differs()).toBe(-120);
  // In between, somebody has put the machine's clock right.
  expect(life().differs()).toBe(0);
  // With nothing kept, the machine's clock is all there is.
  rmSync(file);
  expect(life(2 * 3_600_000).differs()).toBe(0);
});

test('a step between the last look and the end of the process loses no time', () => {
  const { life } = stage();
  const hour = 3_600_000;
  const first = life();
  first.tableSaver.start();
  first.time.advance(5000);
  first.machine.shift = 2 * hour;
  first.time.advance(500);
  first.tableSaver.stop();
  const second = life(2 * hour);
  expect(second.differs()).toBe(-120);
  second.tableSaver.start();
  second.time.advance(5000);
  // Put right, and the process ends before it has looked.
  second.machine.shift = 0;
  second.time.advance(500);
  second.tableSaver.stop();
  expect(life().differs()).toBe(0);
});

test('a step while no process runs loses no time', () => {
  const { life } = stage();
  const first = life();
  first.tableSaver.start();
  // Killed: nothing more is saved.
  expect(life(2 * 3_600_000).differs()).toBe(-120);
  expect(life(-20 * 60_000).differs()).toBe(20);
  expect(life().differs()).toBe(0);
});

test('what was kept holds for as long as the machine is up, and not beyond a day', () => {
  const { folder, file, life } = stage();
  const hour = 3_600_000;
  const machine = { boot: 'b', uptime: 5 * hour };
  expect(readAhead(file, 0, machine)).toBe(0);
  writeAhead(file, -2 * hour, 100 * hour, machine);
  // An hour later, the machine's clock as it was, put right, and put wrong by days.
  const later = { boot: 'b', uptime: 6 * hour };
  expect(readAhead(file, 101 * hour, later)).toBe(-2 * hour);
  expect(readAhead(file, 99 * hour, later)).toBe(0);
  expect(readAhead(file, 500 * hour, later)).toBe(0);
  expect(readAhead(file, 101 * hour, { boot: 'c', uptime: hour })).toBe(0);
  expect(readAhead(file, 101 * hour, { boot: '', uptime: 6 * hour })).toBe(0);
  // The two agree: a step that comes is one against that.
  writeAhead(file, 100, 100 * hour, machine);
  expect(readAhead(file, 101 * hour, later)).toBe(0);
  expect(readAhead(file, 103 * hour, later)).toBe(100 - 2 * hour);
  // Without a name for the time since the machine was started nothing is kept.
  rmSync(file);
  writeAhead(file, -2 * hour, 100 * hour, { boot: '', uptime: 5 * hour });
  expect(existsSync(file)).toBe(false);
  mkdirSync(file);
  const refused = `${folder}/state/clock is no file, expected one: remove it`;
  expect(() => readAhead(file, 0, machine)).toThrow(refused);
  expect(() => life()).toThrow(refused);
});
