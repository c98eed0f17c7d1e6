/** All rounds of one workload: rivals take turns, each round beginning with another one. */
import { type Contender, type Contest, lastWordsIn, messageOf } from './contenders.ts';
import type { Row } from './report.ts';
import type { Rival } from './rival.ts';
import type { Load, Round, Workload } from './workload.ts';

export interface Conditions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** Seconds of the round before the first, which does not count, for rivals that compile themselves; 0: no such round. */
  readonly warming: number;
  /** The core of the load. */
  readonly core: number;
  saturation(): number;
}

/** Memory differs little from start to start, and each start takes its time. */
const mostFreshRounds = 3;

/**
 * One row for each rival. `open` gives the contest; a workload that wants fresh rivals closes it after every round. A
 * rival with an error under load is out: half a result would look like a whole one.
 */
export async function measure(
  workload: Workload,
  rivals: ReadonlyMap<string, Rival>,
  conditions: Conditions,
  open: () => Promise<Contest>,
): Promise<Row[]> {
  const rounds = new Map<string, Round[]>();
  const out = new Map<string, Row>();
  const leave = (key: string, row: Row) => out.set(key, row);
  const warming = workload.fresh || conditions.warming === 0 ? 0 : 1;
  const count = workload.fresh ? Math.min(conditions.rounds, mostFreshRounds) : conditions.rounds;
  for (let round = 1 - warming; round <= count; round += 1) {
    const contest = await open();
    for (const [key, row] of contest.outOfTheRace) leave(key, row);
    for (const contender of turned(contest.contenders, round)) {
      const { key } = contender;
      if (out.has(key) || (round === 0 && !rivals.get(key)!.compilesItself)) continue;
      try {
        const seconds = round === 0 ? conditions.warming : conditions.seconds;
        const result = await workload.run({ ...loadOn(contender, workload, conditions), seconds });
        if (round > 0) rounds.set(key, [...(rounds.get(key) ?? []), result]);
      } catch (error) {
        const reason = messageOf(error);
        process.stderr.write(` ${key}: ${reason}; its log ends: ${lastWordsIn(contender.dir)}\n`);
        leave(key, { key, name: rivals.get(key)!.name, outcome: { state: 'failed', reason } });
      }
    }
    if (workload.fresh) await contest.close();
    process.stderr.write(round === 0 ? 'warm' : ` ${round}/${count}`);
  }
  process.stderr.write('\n');
  return [...rivals].map(
    ([key, { name }]) => out.get(key) ?? { key, name, outcome: { state: 'measured', rounds: rounds.get(key)! } },
  );
}

function turned<T>(list: readonly T[], turn: number): T[] {
  const first = turn % Math.max(1, list.length);
  return [...list.slice(first), ...list.slice(0, first)];
}

function loadOn({ port, started }: Contender, { stage }: Workload, conditions: Conditions): Load {
  const { pid, cookies } = started;
  const { workers, tls = false, http2 = false } = stage;
  return { port, pid, cookies, workers, tls, http2, ...conditions };
}
