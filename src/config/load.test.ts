import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findConfig, loadConfig } from './load.ts';

function folder(files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-config-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const yaml = 'listeners: [{ address: ":8080" }]\npools: { a: { servers: ["3001"] } }\n';
const json = '{ "listeners": [{ "address": ":8080" }], "pools": { "a": { "servers": ["3001"] } } }';

describe('a config', () => {
  test('is found by its usual name, YAML first', () => {
    expect(findConfig(folder({}))).toBeUndefined();
    expect(findConfig(folder({ 'limpet.config.ts': '', 'limpet.yaml': '' }))).toBe('limpet.yaml');
    expect(findConfig(folder({ 'limpet.config.ts': '' }))).toBe('limpet.config.ts');
  });

  test.each([
    ['limpet.yaml', yaml],
    ['limpet.json', json],
    ['limpet.config.mjs', `export default ${json};`],
    ['limpet.config.js', `export default Promise.resolve(${json});`],
  ])('is loaded from %s', async (name, text) => {
    const at = folder({ [name]: text, 'package.json': '{ "type": "module" }' });
    const { options, warnings, source } = await loadConfig(name, at, {});
    expect(options.pools).toMatchObject([{ name: 'a', servers: [{ address: { port: 3001 } }] }]);
    expect([warnings, source.name]).toEqual([[], name]);
  });

  test('that is a module is read anew each time, as a reload needs it', async () => {
    const at = folder({ 'limpet.config.mjs': `export default ${json};` });
    const portNow = async () => (await loadConfig('limpet.config.mjs', at, {})).options.pools[0]?.servers[0]?.address;
    expect(await portNow()).toMatchObject({ port: 3001 });
    writeFileSync(join(at, 'limpet.config.mjs'), `export default ${json.replace('3001', '3002')};`);
    expect(await portNow()).toMatchObject({ port: 3002 });
  });

  test.each([
    ['limpet.yaml', undefined, 'cannot read the config limpet.yaml: there is no such file'],
    ['limpet.config.mjs', undefined, 'cannot read the config limpet.config.mjs: there is no such file'],
    [
      'limpet.config.mjs',
      'export const x = 1;',
      'the config limpet.config.mjs has no default export: write export default',
    ],
    ['limpet.config.mjs', 'throw new Error("boom");', 'cannot load the config limpet.config.mjs:1: boom'],
    ['limpet.yaml', 'listeners: [', '    E: limpet.yaml:1:12  not valid YAML: this [ is not closed'],
    [
      'limpet.config.mjs',
      'export default { listeners: [] };',
      '    E: limpet.config.mjs  listeners: found an empty list, expected at least one listener',
    ],
  ])('%s, when it holds %j, is refused', async (name, text, message) => {
    const at = folder(text === undefined ? {} : { [name]: text });
    const error = await loadConfig(name, at, {}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'UsageError', message: expect.stringContaining(message) });
  });
});
