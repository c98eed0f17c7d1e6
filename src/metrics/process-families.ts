/** What Prometheus' clients publish of a process, by the same names; what the system does not say is left out. */
import { readdir, readFile } from 'node:fs/promises';
import { type Family, sample } from './exposition.ts';

/** `wallMs`: the clock of the machine, Unix ms. */
export async function processFamilies(wallMs: number): Promise<Family[]> {
  const { user, system } = process.cpuUsage();
  const found: Family[] = [
    one('process_cpu_seconds_total', 'counter', 'Processor time used, by all threads.', (user + system) / 1e6),
    one('process_resident_memory_bytes', 'gauge', 'Memory in use.', process.memoryUsage.rss()),
    one(
      'process_start_time_seconds',
      'gauge',
      'When the process began, Unix seconds.',
      Math.round(wallMs / 1000 - process.uptime()),
    ),
  ];
  const open = await readdir('/proc/self/fd').catch(() => []);
  if (open.length > 0) found.push(one('process_open_fds', 'gauge', 'Open file descriptors.', open.length));
  const limits = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const [, most] = /^Max open files +(\d+)/m.exec(limits) ?? [];
  if (most !== undefined) found.push(one('process_max_fds', 'gauge', 'The most file descriptors.', Number(most)));
  return found;
}

/** A family of one sample. */
export function one(name: string, type: 'counter' | 'gauge', help: string, value: number): Family {
  return { name, type, help, samples: [sample('', value)] };
}
