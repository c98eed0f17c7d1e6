/** The Python example behind a balancer: any language can speak the session protocol. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { host } from '../support/host.ts';
import { startLimpet } from '../support/limpet.ts';
import { Visitor } from '../support/peers.ts';
import { TestBalancer } from './support/balancer.ts';
import { Client } from './support/client.ts';
import { started } from './support/launch.ts';

const file = join(import.meta.dirname, '../../examples/wsgi/app.py');
const env = { ...process.env, HOST: host };
const start = (secret: string) => started(spawn('python3', ['-B', file, '0', secret], { env, stdio: 'pipe' }));
const missing = spawnSync('python3', ['--version']).status !== 0;

for (const secret of ['', 'shared with the balancer']) {
  test.skipIf(missing)(
    `python3 keeps sessions, ${secret === '' ? 'signed with the secret of this user' : 'signed with a given one'}`,
    async () => {
      await using one = await start(secret);
      await using two = await start(secret);
      const options = secret === '' ? {} : { secret };
      await using balancer = await TestBalancer.start({ servers: [one.port, two.port], ...options });
      const client = new Client(balancer.url);
      const get = async (path: string): Promise<unknown> => JSON.parse((await client.get(path)).body);

      expect(await get('/')).toEqual({ count: 0, large: 0 });
      expect(client.id).toBe('');
      expect(await get('/count')).toEqual({ count: 1, large: 0 });
      expect(await get('/count')).toEqual({ count: 2, large: 0 });
      await get('/');
      expect(balancer.log).toEqual(['put 1 v1', 'put 1 v2']);

      await one.kill();
      balancer.servers.shift();
      balancer.claim(client.id, two.port, 'rebind');
      expect(await get('/count')).toEqual({ count: 3, large: 0 });
      expect(await get('/large')).toEqual({ count: 3, large: 100_000 });
      expect(balancer.log.at(-1)).toBe('put-by-store 2 v4');

      balancer.restart();
      await get('/');
      expect(balancer.state(client.id)).toMatchObject({ count: 3 });
      await get('/logout');
      expect(balancer.kept.get(client.id)?.ended).toBe(true);
      expect(await get('/')).toEqual({ count: 0, large: 0 });
    },
  );
}

test.skipIf(missing)('python3 believes no header that is not signed', async () => {
  await using app = await start('shared with the balancer');
  await using balancer = await TestBalancer.start({ servers: [app.port], secret: 'another secret than that' });
  expect((await new Client(balancer.url).get('/count')).status).toBe(500);
});

test.skipIf(missing)(
  'python3 behind a real balancer, without any config: large states go over its socket',
  async () => {
    await using app = await start('');
    await using limpet = await startLimpet('bun', { args: [`${host}:${app.port}`, '--sessions', 'memory'] });
    const visitor = new Visitor(limpet.url);
    const get = async (path: string): Promise<unknown> => JSON.parse((await visitor.ask(path)).body);
    expect(await get('/count')).toEqual({ count: 1, large: 0 });
    expect(await get('/large')).toEqual({ count: 1, large: 100_000 });
    expect(await get('/count')).toEqual({ count: 2, large: 100_000 });
    expect((await limpet.counters()).copies_stored).toBe(3);
  },
);
