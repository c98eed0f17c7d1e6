import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from './log.ts';
import { stateKey } from './state-key.ts';

function stage() {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const lines: string[] = [];
  return { folder, lines, log: createLogger({ format: 'text', level: 'info', write: (line) => lines.push(line) }) };
}

test('is made once, for this user only, and found again', () => {
  const { folder, lines, log } = stage();
  const state = join(folder, 'new/state');
  const key = stateKey(state, 'token', log);
  expect(key).toHaveLength(32);
  expect(stateKey(state, 'token', log)).toEqual(key);
  expect(readdirSync(state)).toEqual(['token.key']);
  expect(statSync(join(state, 'token.key')).mode & 0o777).toBe(0o600);
  expect(lines).toHaveLength(1);
  expect(lines.join()).not.toContain(key.toString('hex'));
});

test('two folders have two keys', () => {
  const { folder, log } = stage();
  expect(stateKey(join(folder, 'a'), 'token', log)).not.toEqual(stateKey(join(folder, 'b'), 'token', log));
});

test('lives as long as the process where nothing can be written', () => {
  const { folder, lines, log } = stage();
  // A folder below a file: nobody can make it, root neither.
  writeFileSync(join(folder, 'file'), '');
  expect(stateKey(join(folder, 'file/state'), 'token', log)).toHaveLength(32);
  expect(lines.join()).toContain('cannot be kept');
});

test('a file that holds none is refused, and left as it is', () => {
  const { folder, log } = stage();
  writeFileSync(join(folder, 'token.key'), 'short', { mode: 0o600 });
  expect(() => stateKey(folder, 'token', log)).toThrow('holds no key of 32 bytes');
});
