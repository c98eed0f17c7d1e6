/** One run: clients and faults for so long, then everything is mended, and every history is judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, judge, type Violation } from './checker.ts';
import { Client } from './client.ts';
import { type FaultName, Nemesis } from './nemesis.ts';
import { Random } from './random.ts';
import { Stage, type StageSetup } from './stage.ts';

export interface ChaosSetup extends StageSetup {
  readonly clients: number;
  readonly faults: readonly FaultName[];
  readonly seconds: number;
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

/** After the last fault everybody has to be served again within this time (ms). */
const recovery = 20_000;

export async function chaos(setup: ChaosSetup): Promise<Report> {
  const { clients: size, seconds, seed, say, sabotage } = setup;
  await using stage = await Stage.open(setup);
  const random = new Random(seed);
  const violations: Violation[] = [];
  const unknown: Record<string, number> = {};
  let [operations, acknowledged, sessions] = [0, 0, 0];
  const stop = new AbortController();
  setup.stopped?.addEventListener('abort', () => stop.abort(), { once: true });
  const begun = performance.now();
  const clients = Array.from(
    { length: size },
    (_, n) =>
      new Client({
        name: `c${n}`,
        port: stage.port,
        random: random.fork(),
        onHistory(history) {
          sessions++;
          const found = judge(history);
          violations.push(...found);
          for (const { what, text } of found) say(`VIOLATION ${what}: ${text}`);
          if (found.length > 0) for (const one of history.operations) say(`    ${describe(one)}`);
          if (found.length > 0 && sabotage !== null) stop.abort();
        },
        onOperation({ seen, why }) {
          operations++;
          if (seen !== null) acknowledged++;
          else unknown[why] = (unknown[why] ?? 0) + 1;
        },
      }),
  );
  const nemesis = new Nemesis(stage, setup.faults, random.fork(), (text) =>
    say(`${(performance.now() - begun).toFixed(0)} ms: ${text}`),
  );
  const ended = sleep(seconds * 1000, undefined, { signal: stop.signal })
    .catch(() => undefined)
    .then(() => stop.abort());
  const faults = nemesis.run(stop.signal).finally(() => stop.abort());
  await Promise.all([ended, faults, ...clients.map((client) => client.run(stop.signal))]);
  const deadline = performance.now() + recovery;
  const reached = await Promise.all(clients.map((client) => client.finish(deadline)));
  for (const [n, answered] of reached.entries()) {
    if (!answered)
      violations.push({ what: 'unreachable', user: `c${n}`, text: `no answer ${recovery} ms after the last fault` });
  }
  const took = (performance.now() - begun) / 1000;
  return { seed, seconds: took, operations, acknowledged, sessions, faults: nemesis.counts, unknown, violations };
}
