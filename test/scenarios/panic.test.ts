/** When most servers look down, it is likelier that the checks are wrong: then none of them is believed. */
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { ask, configFor, together, until, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

test.each(runtimes)('panic threshold on %s', async (runtime) => {
  const ill = new Set<string>();
  await using origins = await together(
    ['a', 'b', 'c', 'd'].map((name) =>
      httpOrigin(name, (request, response) => {
        const down = request.url === '/healthz' && ill.has(name);
        response.writeHead(down ? 500 : 200).end(name);
      }),
    ),
  );
  const health = { path: '/healthz', interval: '80ms', rise: 1, fall: 1, panicThreshold: 0.5 };
  const config = configFor(origins, { balance: 'round-robin', health });
  await using limpet = await startLimpet(runtime, { config });
  const used = async () => {
    const names = new Set<string>();
    for (let i = 0; i < 8; i++) names.add((await ask(limpet.url)).body);
    return [...names].sort().join('');
  };
  const visitor = new Visitor(limpet.url);
  let home = '';
  while (home !== 'd') {
    visitor.cookies.clear();
    home = (await visitor.ask()).body;
  }
  ill.add('a').add('b');
  await until('two of four are left out', async () => (await used()) === 'cd');
  ill.add('c');
  await until('three of four down: all are used', async () => (await used()) === 'abcd');
  expect((await visitor.ask()).body).toBe('d');
  ill.clear();
  await until('all are well', async () => (await used()) === 'abcd');
});
