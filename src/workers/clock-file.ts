/**
 * A file that keeps, across a restart, how far Limpet's clock is ahead of the machine's clock. After the machine's clock was set,
 * the dates in cookies, table and store are still those of Limpet's clock. The file is written also while the two clocks agree,
 * because the machine's clock may be set while Limpet does not run. It is valid until the machine boots.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { readPrivate } from '../secrets/private-file.ts';
import { uptimeReader } from '../time/uptime.ts';

/** Below the first difference (ms) the two clocks agree; beyond the second the machine's clock is believed. */
const least = 1500;
const most = 24 * 3_600_000;

const uptime = uptimeReader();

export interface Machine {
  /** An id that changes with every boot of the machine; '' where there is none. */
  readonly boot: string;
  /** Milliseconds since the boot. */
  readonly uptime: number;
}

/** Read once: later there may be no descriptor for it. */
const boot = readBoot();

function readBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** On Linux. Elsewhere nothing is kept. */
function thisMachine(): Machine {
  return { boot, uptime: uptime() };
}

/**
 * Milliseconds by which Limpet's clock is ahead; 0 when nothing was kept, or when it is not valid any more. Throws UsageError for a
 * file that cannot be read, or that other users could have written.
 */
export function readAhead(file: string, wall: number, machine = thisMachine()): number {
  const text = readPrivate(file);
  if (text === null) return 0;
  const [boot, started] = text.trim().split(' ');
  // `started` is the time by Limpet's clock when the machine was booted.
  const ahead = Number(started) + machine.uptime - wall;
  if (machine.boot === '' || boot !== machine.boot || !(Math.abs(ahead) >= least && Math.abs(ahead) <= most)) return 0;
  return ahead;
}

/** Throws UsageError when it cannot be written. */
export function writeAhead(file: string, ahead: number, wall: number, machine = thisMachine()): void {
  if (machine.boot === '') return;
  try {
    const draft = `${file}.${process.pid}`;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${machine.boot} ${Math.round(wall + ahead - machine.uptime)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    throw new UsageError(`how our time differs from the machine's cannot be written to ${file}: ${codeOf(error)}`);
  }
}
