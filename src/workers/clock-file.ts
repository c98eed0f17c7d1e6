/**
 * How far our time is ahead of the machine's clock, through a restart: after a step of that clock the sessions that stand in
 * cookies, table and store are dated by our time. Kept also while the two agree, because the machine's clock may step while no
 * process of ours runs; good only until the machine boots.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { readPrivate } from '../secrets/private-file.ts';
import { uptimeReader } from '../time/uptime.ts';

/** Differences (ms) below which the two agree, and beyond which the machine's clock is believed. */
const least = 1500;
const most = 24 * 3_600_000;

const uptime = uptimeReader();

export interface Machine {
  /** Names the time since the machine was started; '' where that has no name. */
  readonly boot: string;
  /** Milliseconds since then. */
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

/** By Linux; elsewhere nothing is kept. */
function thisMachine(): Machine {
  return { boot, uptime: uptime() };
}

/** ms; 0 when nothing was kept, or it does not count any more. Throws UsageError for a file that cannot be read, or that others could have written. */
export function readAhead(file: string, wall: number, machine = thisMachine()): number {
  const text = readPrivate(file);
  if (text === null) return 0;
  const [boot, started] = text.trim().split(' ');
  // Our time when the machine was started.
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
