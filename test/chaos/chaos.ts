/** One run: clients and faults for so long, then everything is mended, and every history is judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, judge, judgeBalancer, type Violation } from './checker.ts';
import { Client, type StepName } from './client.ts';
import { type FaultName, insist } from './faults.ts';
import { Nemesis } from './nemesis.ts';
import { Random } from './random.ts';
import { Stage, type StageSetup } from './stage.ts';

export interface ChaosSetup extends StageSetup {
  readonly clients: number;
  readonly faults: readonly FaultName[];
  /** What clients do not do. */
  readonly without: readonly StepName[];
  /** Rules whose violations do not count. */
  readonly ignore: readonly Violation['what'][];
  readonly seconds: number;
  /** It goes on, longer than `seconds`, until so many operations were acknowledged. */
  readonly leastAcknowledged: number;
  /** Ends at the first violation. */
  readonly untilFound: boolean;
  /** Of all choices; what the processes do with them is up to the machine. */
  readonly seed: number;
  readonly say: (line: string) => void;
  /** Ends the run before its time. */
  readonly stopped?: AbortSignal;
}

export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly sessions: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Why operations were not acknowledged, by how often. */
  readonly unknown: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}

/** After the last fault everybody has to be served again within this time (ms), on a loaded machine, too. */
const recovery = 60_000;

export async function chaos(setup: ChaosSetup): Promise<Report> {
  const { clients: size, seconds, seed, say, untilFound } = setup;
  await using stage = await Stage.open(setup);
  const random = new Random(seed);
  const violations: Violation[] = [];
  const unknown: Record<string, number> = {};
  let [operations, acknowledged, sessions] = [0, 0, 0];
  const stop = new AbortController();
  setup.stopped?.addEventListener('abort', () => stop.abort(), { once: true });
  const begun = performance.now();
  const enough = Promise.withResolvers<void>();
  stop.signal.addEventListener('abort', () => enough.resolve(), { once: true });
  if (setup.leastAcknowledged === 0) enough.resolve();
  const find = (found: readonly Violation[], details: () => readonly string[]) => {
    const counted = found.filter(({ what }) => !setup.ignore.includes(what));
    if (counted.length === 0) return;
    violations.push(...counted);
    for (const { what, text } of counted) say(`VIOLATION ${what}: ${text}`);
    for (const line of details()) say(`    ${line}`);
    if (untilFound) stop.abort();
  };
  /** How much of the journal has been judged. */
  let judged = { ejections: 0, ends: 0 };
  const judgeNews = () => {
    const { troubles, ejections, ends } = stage.journal;
    const news = { ejections: ejections.slice(judged.ejections), ends: ends.slice(judged.ends) };
    judged = { ejections: ejections.length, ends: ends.length };
    find(judgeBalancer({ ...stage.journal, troubles, ...news }), () => []);
  };
  const restarting: Promise<void>[] = [];
  stage.onEnd = ({ program }) => {
    judgeNews();
    // Copies in its own memory are gone: what follows would only be the sequel.
    if (stage.parts.store === 'memory') stop.abort();
    else restarting.push(insist(30, () => program.start()));
  };
  const clients = Array.from(
    { length: size },
    (_, n) =>
      new Client({
        name: `c${n}`,
        nodes: stage.nodes.map(({ name, clientWire }) => ({ name, port: clientWire.port })),
        random: random.fork(),
        traffic: stage.traffic,
        without: setup.without,
        onHistory(history) {
          sessions++;
          judgeNews();
          find(judge(history, stage.journal), () => [...(history.earlier ?? []), ...history.operations].map(describe));
        },
        onOperation({ seen, why }) {
          operations++;
          if (seen !== null && ++acknowledged >= setup.leastAcknowledged) enough.resolve();
          if (seen === null) unknown[why] = (unknown[why] ?? 0) + 1;
        },
      }),
  );
  const nemesis = new Nemesis(stage, setup.faults, random.fork(), (text) =>
    // By the clock of the histories.
    say(`${performance.now().toFixed(0)} ms: ${text}`),
  );
  const ended = sleep(seconds * 1000, undefined, { signal: stop.signal })
    .catch(() => undefined)
    .then(() => enough.promise)
    .then(() => stop.abort());
  const faults = nemesis.run(stop.signal).finally(() => stop.abort());
  await Promise.all([ended, faults, ...clients.map((client) => client.run(stop.signal))]);
  await Promise.all(restarting);
  const deadline = performance.now() + recovery;
  const reached = await Promise.all(clients.map((client) => client.finish(deadline)));
  for (const [n, why] of reached.entries()) {
    const text = `c${n} is not served ${recovery} ms after the last fault: ${why}`;
    if (why !== '') find([{ what: 'unreachable', user: `c${n}`, text }], () => []);
  }
  judgeNews();
  const took = (performance.now() - begun) / 1000;
  return { seed, seconds: took, operations, acknowledged, sessions, faults: nemesis.counts, unknown, violations };
}
