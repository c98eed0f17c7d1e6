/** Commits faults, again and again, several at a time; each mends what it has broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, type FaultName, faults } from './faults.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

/** Faults at the same time. */
const lanes = 3;

export class Nemesis {
  readonly counts: Partial<Record<FaultName, number>> = {};
  private readonly stage: Stage;
  private readonly random: Random;
  private readonly say: (text: string) => void;
  private readonly weights: Readonly<Partial<Record<FaultName, number>>>;
  /** What a fault has at present, so that no other one breaks or mends it, too. */
  private readonly busy = new Set<object>();
  private acting = 0;
  /** One waits to be alone, or is. */
  private isAlone = false;
  private onChange: () => void = () => {};
  private changed = Promise.resolve();

  /** Commits these faults only. */
  constructor(stage: Stage, names: readonly FaultName[], random: Random, say: (text: string) => void) {
    this.weights = Object.fromEntries(names.map((name) => [name, faults[name].weight]));
    this.stage = stage;
    this.random = random;
    this.say = say;
    this.tell();
  }

  /** Until told to stop; then everything is whole again. Rejects when something does not come back. */
  async run(stopped: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: lanes }, () => this.lane(this.random.fork(), stopped)));
  }

  private async lane(random: Random, stopped: AbortSignal): Promise<void> {
    const { stage } = this;
    const wait = (from: number, to: number) =>
      sleep(random.between(from, to), undefined, { signal: stopped }).catch(() => undefined);
    while (!stopped.aborted) {
      await wait(50, 800);
      const name = random.weighted(this.weights as Record<FaultName, number>);
      const { targets, act, alone = false }: Fault = faults[name];
      if (alone && this.isAlone) continue;
      if (alone) this.isAlone = true;
      while (alone ? this.acting > 0 : this.isAlone) await this.changed;
      const possible = targets(stage);
      const target = possible.length === 0 ? null : random.of(possible);
      if (!stopped.aborted && target !== null && !this.busy.has(target)) {
        this.busy.add(target);
        this.acting++;
        this.say(`${name}${'name' in target ? `: ${String(target.name)}` : ''}`);
        await act(target, { stage, random, wait });
        this.say(`over: ${name}`);
        this.acting--;
        this.busy.delete(target);
        this.counts[name] = (this.counts[name] ?? 0) + 1;
      }
      if (alone) this.isAlone = false;
      this.tell();
    }
  }

  /** Who waits for another to end looks again. */
  private tell(): void {
    this.onChange();
    this.changed = new Promise((resolve) => (this.onChange = resolve));
  }
}
