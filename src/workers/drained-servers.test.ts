import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readDrained, writeDrained } from './drained-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-drained-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('what is written is read, and nothing else lies beside it', () => {
  const file = join(folder, 'state', 'drained.json');
  expect(readDrained(file)).toEqual([]);
  const servers = [['shop', 'a'] as const, ['blog/x', 'ü "b"'] as const];
  writeDrained(file, servers);
  expect(readDrained(file)).toEqual(servers);
  writeDrained(file, []);
  expect(readDrained(file)).toEqual([]);
  expect(readdirSync(join(folder, 'state'))).toEqual(['drained.json']);
});

test.each(['', '{}', '[["shop"]]', '[["shop",1]]', '[["shop","a"]'])('%j is refused', (text) => {
  const file = join(folder, 'damaged.json');
  writeFileSync(file, text);
  expect(() => readDrained(file)).toThrow('holds no list of drained servers, such as [["shop","s1"]]');
});

test('a file that cannot be written is named', () => {
  expect(() => writeDrained(join(folder, 'damaged.json', 'x'), [])).toThrow(/cannot be written to .*: E(NOTDIR|EXIST)/);
});
