/** What a part of `npm run deploy:proof` has found, as lines, and whether it holds. */
import type { Judgement } from './checker.ts';

export interface Report {
  readonly title: string;
  readonly judgement: Judgement;
  /** From the first command to the last. */
  readonly seconds: number;
  readonly lines: readonly string[];
  /** What does not hold, beside what the judgement says. */
  readonly flaws: readonly string[];
}

/** How many lines of a kind are shown. */
const most = 5;

/** Empty when all holds. */
export function flawsOf({ judgement, flaws }: Report): string[] {
  const { failures, contradictions } = judgement;
  return [...flaws, ...failures.slice(0, most), ...contradictions.slice(0, most)];
}

export function format(runtime: string, report: Report): string {
  const { title, judgement, seconds, lines } = report;
  const { requests, sessions, failures, lost, moves, repeated } = judgement;
  const flaws = flawsOf(report);
  return [
    `== ${runtime}: ${title}`,
    `   requests ${requests}, sessions ${sessions}, failed ${failures.length}, sessions lost ${lost.length}, moved ${moves.length}, repeated ${repeated}, ${seconds.toFixed(1)} s`,
    ...lines.map((line) => `   ${line}`),
    ...flaws.map((flaw) => `   DOES NOT HOLD: ${flaw}`),
  ].join('\n');
}
