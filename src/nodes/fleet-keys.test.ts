import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { StoreError } from '../store/store.ts';
import { type FleetKeys, findFleetKeys } from './fleet-keys.ts';
import { formatRing } from './key-ring.ts';

class Texts {
  readonly texts = new Map<string, string>();
  isAway = false;

  read = (name: string) => Promise.resolve(this.texts.get(name) ?? null);

  create = (name: string, text: string) => {
    if (!this.texts.has(name)) this.texts.set(name, text);
    return Promise.resolve();
  };
}

const bytes = (digit: string): Buffer => Buffer.from(digit.repeat(64), 'hex');

function node(store: Texts, digit: string, hasKeys = false) {
  const stateDir = mkdtempSync(join(tmpdir(), 'limpet-fleet-'));
  onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }));
  const lines: string[] = [];
  const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) };
  const open = () =>
    store.isAway ? Promise.reject(new StoreError('unavailable', 'redis: refused')) : Promise.resolve(store);
  const find = (): Promise<FleetKeys> =>
    findFleetKeys({
      stateDir,
      hasKeys,
      open,
      ownSecret: () => bytes(digit),
      ownKey: () => bytes(`${digit}`),
      now: () => 1000,
      log,
    });
  return { find, lines, file: join(stateDir, 'fleet.key') };
}

test('the first node gives what it has, and all others take it', async () => {
  const store = new Texts();
  const first = await node(store, 'a').find();
  expect(first).toEqual({ secret: bytes('a'), ring: [{ key: bytes('a'), made: 1000 }] });
  expect(await node(store, 'b').find()).toEqual(first);
});

test('nodes that start at once agree', async () => {
  const store = new Texts();
  const found = await Promise.all(['a', 'b', 'c'].map((digit) => node(store, digit).find()));
  for (const one of found) expect(one).toEqual(found[0]);
});

test('the copy is private, and serves while the store is away', async () => {
  const store = new Texts();
  const { find, file, lines } = node(store, 'a');
  const found = await find();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(lines).toEqual([]);
  store.isAway = true;
  expect(await find()).toEqual(found);
  expect(lines).toEqual([`fleet.store does not answer (redis: refused): the keys of the fleet are those of ${file}`]);
});

test('neither store nor copy: a clear error', async () => {
  const store = new Texts();
  store.isAway = true;
  await expect(node(store, 'a').find()).rejects.toThrow(
    /fleet\.store does not answer \(redis: refused\), and .*fleet\.key.*is not there: start when it answers/,
  );
});

test('keys of the config take the place of the ring', async () => {
  const store = new Texts();
  const { find } = node(store, 'a', true);
  expect(await find()).toEqual({ secret: bytes('a'), ring: null });
  expect([...store.texts.keys()]).toEqual(['{limpet-fleet}:secret']);
  store.isAway = true;
  expect(await find()).toEqual({ secret: bytes('a'), ring: null });
});

test('a store that was emptied gets back what the nodes use', async () => {
  const store = new Texts();
  const one = node(store, 'a');
  const two = node(store, 'b');
  const found = await one.find();
  await two.find();
  store.texts.clear();
  expect(await two.find()).toEqual(found);
  expect(await one.find()).toEqual(found);
});

test('another store: its secret is taken, and the log says what ends', async () => {
  const { find, lines, file } = node(new Texts(), 'a');
  await find();
  const other = new Texts();
  await node(other, 'b').find();
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('a'.repeat(64), 'd'.repeat(64)));
  const store = new Texts();
  store.texts.set('{limpet-fleet}:secret', 'b'.repeat(64));
  store.texts.set('{limpet-fleet}:keys', formatRing([{ key: bytes('b'), made: 5 }]));
  const again = node(store, 'c');
  writeFileSync(again.file, readFileSync(file), { mode: 0o600 });
  expect(await again.find()).toEqual({ secret: bytes('b'), ring: [{ key: bytes('b'), made: 5 }] });
  expect(again.lines.join()).toContain('another secret than the copy');
  expect(lines).toEqual([]);
});

test.each([
  ['{limpet-fleet}:secret', 'short'],
  ['{limpet-fleet}:secret', 'zz'.repeat(32)],
  ['{limpet-fleet}:secret', 'ab'.repeat(1025)],
  ['{limpet-fleet}:keys', 'no JSON'],
  ['{limpet-fleet}:keys', 'null'],
  ['{limpet-fleet}:keys', '{"keys":[]}'],
  ['{limpet-fleet}:keys', JSON.stringify({ keys: [{ key: 'ab', made: 1 }] })],
  ['{limpet-fleet}:keys', JSON.stringify({ keys: [{ key: 'ab'.repeat(32), made: 'now' }] })],
  [
    '{limpet-fleet}:keys',
    JSON.stringify({ keys: Array.from({ length: 17 }, () => ({ key: 'ab'.repeat(32), made: 1 })) }),
  ],
])('%s is not believed: %s', async (name, text) => {
  const store = new Texts();
  store.texts.set(name, text);
  const refused = node(store, 'a').find();
  await expect(refused).rejects.toThrow(`${name} has ${text.length} characters that are no keys`);
  await expect(refused).rejects.not.toThrow(text);
});

test('a copy that others may open, or that holds something else, is refused', async () => {
  const { find, file } = node(new Texts(), 'a');
  writeFileSync(file, 'garbage', { mode: 0o600 });
  await expect(find()).rejects.toThrow(`${file} holds no keys of a fleet: remove it`);
  chmodSync(file, 0o644);
  await expect(find()).rejects.toThrow(`others may open ${file}`);
});
