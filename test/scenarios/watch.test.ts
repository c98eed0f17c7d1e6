/**
 * `--watch`: the config file is taken over when it changes, however it is replaced: written in place, renamed over by an editor, or
 * behind the links of a ConfigMap. What is not valid changes nothing, and no request is lost.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

describe.each(runtimes)('a watched file on %s', (runtime) => {
  onlyOver('h1', 'it writes the file of the config itself');

  test('is taken over after each kind of change, and refused when it is wrong', { timeout: 60_000 }, async () => {
    await using origins = await together(['a', 'b', 'c', 'd'].map((name) => httpOrigin(name)));
    const servers = origins.map(({ name, address }) => ({ name, address }));
    const configOf = (count: number) => ({
      listeners: [{ address: '127.0.0.1:0' }],
      pools: { shop: { servers: servers.slice(0, count), affinity: 'none' } },
    });
    await using limpet = await startLimpet(runtime, { config: configOf(1), args: ['--watch'] });
    const file = join(limpet.folder, 'limpet.yaml');
    const events: string[] = [];
    const socketPath = join(limpet.folder, 'state/admin.sock');
    const stream = get({ socketPath, path: '/v1/events' }, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        for (const [, name = ''] of text.matchAll(/"name":"(config\.\w+)"/g)) events.push(name);
      });
      response.on('error', () => {});
    });
    stream.on('error', () => {});
    // Requests all the time: none may fail.
    const state = { isOver: false, answered: 0 };
    const traffic = (async () => {
      while (!state.isOver) {
        const { status } = await ask(limpet.url);
        if (status !== 200) throw new Error(`a request was answered with ${status}`);
        state.answered++;
      }
    })();
    const serversNow = async () => {
      const { body } = await ask('http://admin/v1/servers', { socketPath });
      return (JSON.parse(body) as { name: string }[]).map(({ name }) => name).join('');
    };

    writeFileSync(file, stringify(configOf(2)));
    await until('it is written in place', async () => (await serversNow()) === 'ab');
    writeFileSync(file, 'pools: 1\n');
    await until('what is wrong is refused', () => events.at(-1) === 'config.refused');
    expect([await serversNow(), limpet.stderr().includes('reload refused')]).toEqual(['ab', true]);
    writeFileSync(`${file}.new`, stringify(configOf(3)));
    renameSync(`${file}.new`, file);
    await until('an editor has renamed another file over it', async () => (await serversNow()) === 'abc');

    // As Kubernetes has a ConfigMap: limpet.yaml -> ..data/limpet.yaml, ..data -> ..1, and another ..data is renamed over it.
    const version = (name: string, count: number) => {
      mkdirSync(join(limpet.folder, name));
      writeFileSync(join(limpet.folder, name, 'limpet.yaml'), stringify(configOf(count)));
    };
    const point = (target: string, path: string) => {
      symlinkSync(target, join(limpet.folder, `${path}.tmp`));
      renameSync(join(limpet.folder, `${path}.tmp`), join(limpet.folder, path));
    };
    version('..1', 1);
    point('..1', '..data');
    point('..data/limpet.yaml', 'limpet.yaml');
    await until('it is a link', async () => (await serversNow()) === 'a');
    version('..2', 4);
    point('..2', '..data');
    rmSync(join(limpet.folder, '..1'), { recursive: true });
    await until('the link leads elsewhere', async () => (await serversNow()) === 'abcd');

    const before = state.answered;
    await until('requests go on', () => state.answered > before);
    state.isOver = true;
    await traffic;
    stream.destroy();
    expect(events.filter((name) => name === 'config.reloaded')).toHaveLength(4);
    expect(events.filter((name) => name === 'config.refused')).toHaveLength(1);
    expect(await limpet.counters()).toMatchObject({ reloads: 4, responses_5xx: 0 });
  });
});
