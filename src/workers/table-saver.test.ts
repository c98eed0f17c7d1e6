import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { Lifetimes } from '../table/lifetimes.ts';
import { ServerNumbers } from '../table/numbers.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { TableSaver } from './table-saver.ts';

function stage(interval = 60_000) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-table-saver-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'state/sessions.table');
  const time = new HandTime();
  const said: string[] = [];
  const log = { info: (text: string) => said.push(text), warn: (text: string) => said.push(`! ${text}`) };
  const life = () => {
    const table = SessionTable.create({ capacity: 100 });
    const servers = new ServerNumbers(table);
    const lifetimes = new Lifetimes(table);
    const server = servers.numberOf('shop/a', 0);
    lifetimes.numberOf('shop learn SID', { idle: 0, absolute: 0 });
    const saved = () => ({ table, servers, lifetimes: lifetimes.names(), copies: '', secret: Buffer.alloc(32, 1) });
    const bind = (session: number) => table.bind({ hi: session, lo: 1 }, server, 1000, new Entry(), 1);
    return { table, bind, tableSaver: new TableSaver({ file, saved, interval, clock: time, timers: time, log }) };
  };
  return { file, time, said, life };
}

test('what one life has saved at its end, the next one has', async () => {
  const { said, life } = stage();
  const first = life();
  await first.tableSaver.load();
  first.tableSaver.start();
  for (let n = 0; n < 10; n++) first.bind(n);
  await first.tableSaver.stop();
  const second = life();
  await second.tableSaver.load();
  expect(second.table.size).toBe(10);
  expect(said).toEqual([expect.stringContaining('loaded 10 sessions')]);
});

test('saves at the interval, again and again', async () => {
  const { file, time, life } = stage(1000);
  const { tableSaver, bind } = life();
  tableSaver.start();
  for (const sessions of [1, 2]) {
    bind(sessions);
    time.advance(1000);
    await vi.waitFor(async () => {
      expect(existsSync(file)).toBe(true);
      const next = life();
      await next.tableSaver.load();
      expect(next.table.size).toBe(sessions);
    });
    await vi.waitFor(() => expect(time.pending).toBe(1));
  }
});

test('a damaged file is told and left alone, and the table is empty', async () => {
  const { file, said, life } = stage();
  const first = life();
  first.bind(1);
  await first.tableSaver.stop();
  writeFileSync(file, 'limpet sessions\nnot really');
  const second = life();
  await second.tableSaver.load();
  expect(second.table.size).toBe(0);
  expect(said).toEqual([expect.stringMatching(/^! .*sessions\.table/)]);
});

test('a save that fails is told once, until one succeeds', async () => {
  const { file, said, time, life } = stage(1000);
  const folder = join(file, '..');
  writeFileSync(folder, 'a file where the folder should be');
  const { tableSaver } = life();
  tableSaver.start();
  for (let n = 0; n < 3; n++) {
    time.advance(1000);
    await vi.waitFor(() => expect(time.pending).toBe(1));
  }
  expect(said).toEqual([expect.stringMatching(/^! .*learned sessions would be lost/)]);
  rmSync(folder);
  time.advance(1000);
  await vi.waitFor(() => expect(said).toHaveLength(2));
  expect(said[1]).toContain('saved again');
});

test('with save: off it neither loads nor saves', async () => {
  const { file, life } = stage(0);
  const { tableSaver, bind } = life();
  bind(1);
  await tableSaver.load();
  tableSaver.start();
  await tableSaver.stop();
  expect(existsSync(file)).toBe(false);
});
