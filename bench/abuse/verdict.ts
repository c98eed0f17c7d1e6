/** From windows to figures, and from figures to what is missed. Pure: nothing here measures. */
import { spread } from '../macro/report.ts';

export interface Figures {
  /** Of the normal clients, by what went wrong. */
  readonly errors: Readonly<Record<string, number>>;
  /** Milliseconds, medians of the windows. */
  readonly quiet: number;
  readonly attacked: number;
  /** Kilobytes an attacker; null: the attack says nothing of it. */
  readonly memory: number | null;
  /** Whether all are answered after it; null: not asked. */
  readonly answersAgain: boolean | null;
  /** null: the attack has nothing else to count. */
  readonly failures: { readonly count: number; readonly what: string } | null;
}

/** A rival's figures, or why it has none. */
export type Result = Figures | string;

export interface Miss {
  readonly text: string;
  /** HAProxy misses it, too, in the same run: the load or this machine may be the reason, not the balancer. */
  readonly shared: boolean;
}

/** The goals: no error, p99 at most so many times the quiet one, memory at most so many times HAProxy's. */
const mostSlower = 3;
const mostMemory = 2;
/** Kilobytes: below it the growth of a process's memory cannot be told from its allocator's pages. */
const leastMemory = 8;

export function medianOf(values: readonly number[]): number {
  return spread(values).median;
}

export function ratioOf({ quiet, attacked }: Figures): number {
  return attacked / quiet;
}

/** What a Limpet misses. `haproxy`: its figures beside it, when it took part. */
export function missesOf(figures: Figures, haproxy: Figures | null): Miss[] {
  const misses: Miss[] = [];
  const errors = Object.entries(figures.errors).map(([why, count]) => `${count} ${why}`);
  const others = haproxy === null ? 0 : Object.keys(haproxy.errors).length;
  if (errors.length > 0) misses.push({ text: `errors: ${errors.join(', ')}`, shared: others > 0 });
  const slower = ratioOf(figures);
  // NaN, nobody was answered, is a miss.
  if (!(slower <= mostSlower)) {
    const shared = haproxy !== null && !(ratioOf(haproxy) <= mostSlower);
    misses.push({ text: `p99 ${slower.toFixed(1)} times the quiet one`, shared });
  }
  const { memory, failures } = figures;
  if (memory !== null && haproxy !== null && haproxy.memory !== null) {
    const most = Math.max(leastMemory, mostMemory * haproxy.memory);
    if (memory > most)
      misses.push({ text: `${memory.toFixed(0)} KB an attacker, at most ${most.toFixed(0)}`, shared: false });
  }
  if (figures.answersAgain === false) {
    misses.push({ text: 'not all are answered after it', shared: haproxy?.answersAgain === false });
  }
  if (failures !== null && failures.count > 0) {
    misses.push({ text: `${failures.count} ${failures.what}`, shared: (haproxy?.failures?.count ?? 0) > 0 });
  }
  return misses;
}

export const header = ['', 'errors', 'quiet p99 ms', 'attacked', 'times', 'KB/attacker', 'beside'];

export function rowOf(name: string, result: Result): string[] {
  if (typeof result === 'string') return [name, result];
  const { errors, quiet, attacked, memory, answersAgain, failures } = result;
  const count = Object.values(errors).reduce((sum, one) => sum + one, 0);
  const beside = [
    ...(answersAgain === null ? [] : [answersAgain ? 'all answered after it' : 'NOT all answered after it']),
    ...(failures === null ? [] : [`${failures.count} ${failures.what}`]),
  ];
  const numbers = [quiet.toFixed(2), attacked.toFixed(2), ratioOf(result).toFixed(1)];
  return [name, String(count), ...numbers, memory === null ? '-' : memory.toFixed(1), beside.join('; ') || '-'];
}
