/** Times small steps: nanoseconds a run, medians of interleaved rounds, and bytes of heap where the runtime tells. */

export interface Step {
  readonly name: string;
  /** Throws when the answer is wrong: a step that fails is fast. `turn` counts up from 0. */
  run(turn: number): void;
}

export interface Cost {
  readonly name: string;
  readonly nanoseconds: number;
  /** null: not measurable. Bun counts its heap when it collects garbage, not when memory is taken. */
  readonly bytes: number | null;
}

const rounds = 7;
const milliseconds = 40;
const batch = 64;
/** Few enough that no garbage is collected in between, as a rule; the median leaves out the exceptions. */
const allocating = 500;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** A step, and the turns that it has had: one that needs new input each time never sees the same again. */
class Runner {
  readonly #step: Step;
  readonly times: number[] = [];
  #turn = 0;

  constructor(step: Step) {
    this.#step = step;
  }

  run(count: number): void {
    for (const stop = this.#turn + count; this.#turn < stop; this.#turn++) this.#step.run(this.#turn);
  }
}

/** The first round warms up: compiled code and caches. */
export function measure(steps: readonly Step[]): Cost[] {
  const runners = steps.map((step) => new Runner(step));
  for (let round = 0; round <= rounds; round++) {
    for (const runner of runners) {
      const time = nanosecondsOf(runner);
      if (round > 0) runner.times.push(time);
    }
  }
  const nothing = heapOf(new Runner({ name: 'nothing', run() {} }));
  return runners.map((runner, index) => ({
    name: steps[index]!.name,
    nanoseconds: median(runner.times),
    bytes: process.versions.bun ? null : Math.max(0, (heapOf(runner) - nothing) / allocating),
  }));
}

function nanosecondsOf(runner: Runner): number {
  const begun = performance.now();
  let [count, spent] = [0, 0];
  do {
    runner.run(batch);
    count += batch;
    spent = performance.now() - begun;
  } while (spent < milliseconds);
  return (spent * 1e6) / count;
}

/** Bytes by which the heap grows in one batch. */
function heapOf(runner: Runner): number {
  const samples = Array.from({ length: 31 }, () => {
    const before = process.memoryUsage().heapUsed;
    runner.run(allocating);
    return process.memoryUsage().heapUsed - before;
  });
  return median(samples);
}

export function print(costs: readonly Cost[]): void {
  const width = Math.max(...costs.map(({ name }) => name.length));
  console.log(`${''.padEnd(width)}  ${'ns'.padStart(8)}  ${'bytes'.padStart(8)}`);
  for (const { name, nanoseconds, bytes } of costs) {
    const heap = bytes === null ? '-' : bytes.toFixed(0);
    console.log(`${name.padEnd(width)}  ${nanoseconds.toFixed(0).padStart(8)}  ${heap.padStart(8)}`);
  }
}
