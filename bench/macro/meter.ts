/** CPU time and memory of a rival over one load, turned into figures a unit. */
import { type CpuTime, cpuTime, residentBytes } from './cpu.ts';
import type { LoadResult } from './load.ts';
import type { Load, Round } from './workload.ts';

/**
 * Measures from the call, or from the call of `begin`, until the load has ended. `units` are what a request counts
 * as: 1, or its megabytes. Rejects when the load does, or when nothing was used, which cannot be.
 */
export async function metered(
  { pid, workers }: Load,
  run: (begin: () => void) => Promise<LoadResult>,
  units = 1,
): Promise<Round> {
  let before: CpuTime = cpuTime(pid);
  let started = performance.now();
  const result = await run(() => {
    before = cpuTime(pid);
    started = performance.now();
  });
  const elapsed = (performance.now() - started) * 1000;
  const after = cpuTime(pid);
  const count = result.requests * units;
  const [user, system] = [after.user - before.user, after.system - before.system];
  if (user + system <= 0) throw new Error('it used no CPU time: the round is too short, or it has ended');
  return {
    user: user / count,
    system: system / count,
    total: (user + system) / count,
    perCpuSecond: (count * 1e6) / (user + system),
    perSecond: count / result.seconds,
    busy: (user + system) / elapsed / workers,
    p50: result.p50,
    p99: result.p99,
    p999: result.p999,
    resident: residentBytes(pid),
  };
}
