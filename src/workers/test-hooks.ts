/**
 * What only tests can do to a balancer that runs, and only with `NODE_ENV=test`:
 *
 *      LIMPET_TEST_CRASH=<file>      a worker dies of an exception when the file `<file>.<worker>` appears, which it removes
 *      LIMPET_TEST_TOMBSTONE=<s>     the session table keeps an ended session dead for so long, not for a minute
 */
import { rmSync, unlinkSync } from 'node:fs';

type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds between two looks for the file. */
const lookTime = 100;

/** `worker`: from 0. Does nothing where nobody tests. */
export function crashOnFile(worker: number, { LIMPET_TEST_CRASH: file = '', NODE_ENV }: Environment): void {
  if (file === '' || NODE_ENV !== 'test') return;
  const own = `${file}.${worker}`;
  rmSync(own, { force: true });
  setInterval(() => {
    try {
      unlinkSync(own);
    } catch {
      return;
    }
    throw new Error('LIMPET_TEST_CRASH');
  }, lookTime).unref();
}

/** Seconds; undefined: as always. */
export function testTombstoneTime({ LIMPET_TEST_TOMBSTONE: text = '', NODE_ENV }: Environment): number | undefined {
  return text === '' || NODE_ENV !== 'test' ? undefined : Number(text);
}
