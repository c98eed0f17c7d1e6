/** What stands in the state folder and is not what belongs there is told by its name, in one line: never with a stack. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limpetCommand, spawnCommand } from '../support/command.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const folder = (at: string): void => {
  mkdirSync(join(at, 'something'), { recursive: true });
};
const garbage = (at: string): void => writeFileSync(at, 'garbage\n', { mode: 0o600 });

interface Case {
  readonly file: string;
  readonly make: (at: string) => void;
  readonly what: string;
  /** null: it listens all the same. */
  readonly code: number | null;
}

const cases: readonly Case[] = [
  { file: 'sessions.table', make: folder, what: 'a folder', code: 3 },
  { file: 'sessions.table', make: garbage, what: 'garbage', code: null },
  { file: 'servers.json', make: folder, what: 'a folder', code: 3 },
  { file: 'servers.json', make: garbage, what: 'garbage', code: null },
  { file: 'token.key', make: folder, what: 'a folder', code: 3 },
  { file: 'token.key', make: garbage, what: 'garbage', code: 3 },
  { file: 'table.key', make: folder, what: 'a folder', code: 3 },
  { file: 'table.key', make: garbage, what: 'garbage', code: 3 },
];

describe.each(runtimes)('on %s', (runtime) => {
  test.each(cases)('$file that is $what', async ({ file, make, code }) => {
    const state = mkdtempSync(join(tmpdir(), 'limpet-state-'));
    chmodSync(state, 0o700);
    make(join(state, file));
    const command = limpetCommand(runtime, state, ['3001', '--listen', '127.0.0.1:0']);
    const { child, said, closed } = spawnCommand(command, state);
    try {
      await until('it listens or ends', () => said().includes('listening on') || child.exitCode !== null);
      child.kill('SIGTERM');
      expect(await closed).toEqual([code ?? 0, null]);
      const about = said()
        .split('\n')
        .filter((line) => line.includes(join(state, file)) && !line.includes('made a'));
      expect(about.length).toBeGreaterThan(0);
      for (const line of about) expect(line).toMatch(code === null ? /^\S+Z warn limpet: / : /^\S+Z error limpet: /);
      expect(said()).not.toMatch(/^\s+at /m);
      expect(said().includes('listening on')).toBe(code === null);
    } finally {
      child.kill('SIGKILL');
      await closed;
      rmSync(state, { recursive: true, force: true });
    }
  });
});
