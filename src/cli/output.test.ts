import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { Output } from './output.ts';

/** A disk that holds so many bytes, and a process that writes its log there. */
function stage({ room = Number.POSITIVE_INFINITY, most = 1000 } = {}) {
  const time = new HandTime();
  const disk = { room, text: '', busy: 0, writes: 0, held: null as (() => void) | null, holds: false };
  const told: string[] = [];
  const output = new Output({
    most,
    clock: time,
    timers: time,
    write: (bytes, done) => {
      disk.writes++;
      const act = (): void => {
        if (disk.busy > 0) {
          disk.busy--;
          done(Object.assign(new Error('busy'), { code: 'EAGAIN' }), 0);
          return;
        }
        const taken = Math.min(bytes.length, disk.room);
        if (taken === 0) {
          done(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }), 0);
          return;
        }
        disk.room -= taken;
        disk.text += Buffer.from(bytes.subarray(0, taken)).toString();
        done(null, taken);
      };
      if (disk.holds) disk.held = act;
      else act();
    },
  });
  output.onLost = (lines) => told.push(`lost ${lines}`);
  output.onFailed = (reason) => told.push(`failed: ${reason}`);
  output.onRecovered = (lost) => told.push(`works again, ${lost} lost`);
  return { time, disk, told, output };
}

test('what cannot be written is told once and counted, and the log goes on as soon as it can', () => {
  const { disk, told, output } = stage({ room: 4 });
  let done = 0;
  for (const text of ['a b\n', 'c\nd\n', 'e\n']) output.write(text, () => done++);
  expect(told).toEqual(['lost 2', 'failed: ENOSPC: no space left on device', 'lost 1']);
  expect(done).toBe(3);
  disk.room = 100;
  output.write('f\n');
  output.write('g\n');
  expect(disk.text).toBe('a b\nf\ng\n');
  expect(told.slice(3)).toEqual(['works again, 3 lost']);
});

test('half a line that was written last is not the beginning of the next', () => {
  const { disk, told, output } = stage({ room: 6 });
  output.write('one\ntwo\nthree\n');
  expect(disk.text).toBe('one\ntw');
  disk.room = 100;
  output.write('four\n');
  expect(disk.text).toBe('one\ntw\nfour\n');
  expect(told).toEqual(['lost 2', 'failed: ENOSPC: no space left on device', 'works again, 2 lost']);
});

test('a disk that is full again and again is not told of each time', () => {
  const { time, disk, told, output } = stage({ room: 0 });
  const fail = () => {
    disk.room = 0;
    output.write('x\n');
    disk.room = 2;
    output.write('y\n');
  };
  fail();
  expect(told.splice(0)).toEqual(['lost 1', 'failed: ENOSPC: no space left on device', 'works again, 1 lost']);
  fail();
  expect(told.splice(0)).toEqual(['lost 1']);
  time.advance(20_000);
  fail();
  expect(told).toHaveLength(3);
});

test('a pipe that is full is waited for, and what comes meanwhile keeps its order', () => {
  const { time, disk, told, output } = stage();
  disk.busy = 2;
  output.write('a\n');
  output.write('b\n');
  expect(disk.text).toBe('');
  time.advance(100);
  expect(disk.text).toBe('a\nb\n');
  expect(told).toEqual([]);
});

test('behind a write that hangs no more than the bound waits; the rest is lost, and nobody waits for it', async () => {
  const { time, disk, told, output } = stage({ most: 5 });
  disk.holds = true;
  let done = 0;
  for (let n = 0; n < 4; n++) output.write('a\n', () => done++);
  expect([done, disk.writes, told]).toEqual([2, 1, ['lost 1', 'lost 1']]);
  const flushed = output.flush(1000);
  time.advance(1000);
  await flushed;
  disk.holds = false;
  disk.held?.();
  expect([disk.text, done]).toEqual(['a\na\n', 4]);
  await output.flush(1000);
});

test('a reader that hangs is told of once, and that it reads again', () => {
  const { time, disk, told, output } = stage();
  disk.holds = true;
  output.write('a\n');
  output.write('b\n');
  time.advance(9999);
  expect(told).toEqual([]);
  time.advance(60_000);
  expect(told).toEqual(['failed: nobody has read it for 10 s']);
  disk.holds = false;
  disk.held?.();
  expect(disk.text).toBe('a\nb\n');
  expect(told.slice(1)).toEqual(['works again, 0 lost']);
  expect(time.pending).toBe(0);
});
