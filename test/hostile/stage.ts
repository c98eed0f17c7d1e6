/**
 * What the hostile suites share: marks that tell one run from another, the places where a message is cut in
 * two, and a runner that keeps many connections busy at once.
 */
import { long } from '../support/long.ts';
import { show } from '../support/raw.ts';
import { until } from '../support/until.ts';

/** Stands in the tables where a run's mark goes; of the same length, so that cuts stay where they are. */
const placeholder = /TTTTTTTT/g;

let marks = 0;

/** A mark that this process has not used before. */
export function newMark(): string {
  return `Q${String(marks++).padStart(7, '0')}`;
}

export function withMark(text: string, mark: string): string {
  return text.replace(placeholder, mark);
}

/** The mark in a text; undefined when there is none. */
export function markOf(text: string): string | undefined {
  return /Q\d{7}/.exec(text)?.[0];
}

/**
 * With LIMPET_LONG=1 every boundary of a short message, and of a long one all at both ends and some of the middle; otherwise every
 * third, and those at both ends.
 */
export function cutsOf(length: number): number[] {
  const all = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1);
  const ends = long ? (length <= 320 ? length : 60) : 10;
  const step = Math.max(long ? 1 : 3, Math.ceil(length / 40));
  return all.filter((cut) => cut <= ends || cut > length - ends || cut % step === 0);
}

/** Connections at once: they mostly wait for each other's pauses between two pieces. */
const concurrency = 24;
/** After so many failures the rest would only say the same. */
const enough = 3;

/** Runs `run` for each item and gives what went wrong, at most `enough` of it. */
export async function runAll<T>(
  items: readonly T[],
  run: (item: T) => Promise<string[]>,
  atOnce = concurrency,
): Promise<string[]> {
  const failures: string[] = [];
  let at = 0;
  const worker = async () => {
    while (at < items.length && failures.length < enough) {
      const item = items[at++];
      if (item === undefined) return;
      try {
        const complaints = await run(item);
        if (complaints.length > 0) failures.push(complaints.join('\n  '));
      } catch (error) {
        failures.push(String(error instanceof Error ? error.message : error));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failures;
}

/** Waits until `ready`, at most 2 s, for what another connection must have seen by now. The caller compares what it has seen. */
export async function settle(what: string, ready: () => boolean): Promise<void> {
  await until(what, ready, 2000, 5).catch(() => {});
}

export function same(what: string, found: unknown, wanted: unknown): string[] {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  return a === b ? [] : [`${what}: ${show(a ?? 'undefined')}, wanted ${show(b ?? 'undefined')}`];
}
