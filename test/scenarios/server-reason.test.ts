/** Why the session library refused a request reaches the client; what else servers say in our name does not. */
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { sessionErrorCodes } from '../../src/session/error.ts';
import { startLimpet } from '../support/limpet.ts';
import { configFor, listen, Visitor } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const said: readonly [name: string, value: string, reaches: boolean][] = [
  ...sessionErrorCodes.map((code): [string, string, boolean] => ['Limpet-Reason', code, true]),
  ['limpet-reason', 'not-serialisable', true],
  ['Limpet-Degraded', 'session-store', true],
  ['Limpet-Reason', 'session-error', true],
  ['Limpet-Reason', 'evil', false],
  ['Limpet-Reason', 'Session-Fenced', false],
  ['Limpet-Degraded', 'session-fenced', false],
  ['Limpet-Reasons', 'session-fenced', false],
  ['Limpet-Server', 'secret', false],
  ['Limpet-Session', 'id=a', false],
];

describe.each(runtimes)('on %s', (runtime) => {
  test('a reason reaches the client, and nothing else in our name', async () => {
    await using origin = await listen(
      'a',
      createServer((request, response) => {
        const [name = '', value = ''] = said[Number(request.url?.slice(1))] ?? [];
        response.writeHead(503, { [name]: value, 'X-Other': 'stays' });
        response.end();
      }),
    );
    await using limpet = await startLimpet(runtime, { config: configFor([origin]) });
    const visitor = new Visitor(limpet.url);
    for (const [at, [name, value, reaches]] of said.entries()) {
      const { headers } = await visitor.ask(`/${at}`);
      expect([name, value, headers[name.toLowerCase()]]).toEqual([name, value, reaches ? value : undefined]);
      expect(headers['x-other']).toBe('stays');
    }
  });
});
