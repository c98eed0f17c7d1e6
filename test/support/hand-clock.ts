/** A file that sets the machine's clock for the processes that get its environment. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function handClock() {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-clock-'));
  const file = join(folder, 'clock');
  return {
    env: { LIMPET_TEST_CLOCK: file, NODE_ENV: 'test' },
    /** Milliseconds ahead of the machine's clock from now on; below 0: behind. */
    set: (by: number) => writeFileSync(file, String(by)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
