/** The access log as JSON: one line an exchange, with who owned it, how it was found, and how long it took. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { configFor, startServer, together, until, Visitor } from '../support/peers.ts';
import { RawClient } from '../support/raw.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const app = new URL('../support/app-server.ts', import.meta.url);
const names = ['a', 'b'];

describe.each(runtimes)('the access log on %s', (runtime) => {
  test('tells new, kept and moved sessions apart', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    // Each worker writes its own lines: one alone keeps them in the order of the requests.
    const config = { ...configFor(servers), workers: 1, log: { access: 'json', level: 'debug' } };
    await using limpet = await startLimpet(runtime, { config });
    const visitor = new Visitor(limpet.url);
    const home = (JSON.parse((await visitor.ask('/first?q=1')).body) as { server: string }).server;
    await visitor.ask('/second', { method: 'POST', body: 'abc' });
    await servers[names.indexOf(home)]!.kill('SIGKILL');
    await visitor.ask('/third');

    const lines = () =>
      limpet
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    await until('all three are logged', () => lines().length >= 3);
    expect(lines()).toHaveLength(3);
    const [first, second, third] = lines();
    const other = home === 'a' ? 'b' : 'a';
    expect(first).toMatchObject({
      method: 'GET',
      target: '/first?q=1',
      status: 200,
      server: home,
      epoch: 1,
      retries: 0,
    });
    expect(second).toMatchObject({
      method: 'POST',
      target: '/second',
      server: home,
      epoch: 1,
      session: first?.session,
    });
    expect(third).toMatchObject({ server: other, epoch: 2, session: first?.session });
    // The flags differ: new session, valid session, session whose server was down.
    expect(new Set([first, second, third].map((line) => line?.flags)).size).toBe(3);
    for (const line of lines()) expect(Number(line.totalMs)).toBeGreaterThanOrEqual(Number(line.responseMs));
    // The program's log beside it, in the same form: with debug, what became of connections, requests and sessions.
    await until('the move is told', () => limpet.stderr().includes(`is with app/${other} now, epoch 2`));
    const said = limpet.stderr().trim().split('\n');
    for (const line of said.map((one) => JSON.parse(one) as Record<string, unknown>)) {
      expect(line).toMatchObject({ level: expect.stringMatching(/^(debug|info|warn|error)$/), name: 'limpet' });
      expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    for (const text of [`connected to server app/${home} `, `a request failed at server app/${home}: `]) {
      expect(limpet.stderr()).toContain(text);
    }
    expect(limpet.stderr()).toMatch(/config: pool app: a \S+:\d+, b /);
    expect(limpet.stderr()).not.toMatch(/first|second|third/);
    // The cookie itself is a secret.
    expect(limpet.stdout() + limpet.stderr()).not.toContain(visitor.cookies.get('limpet'));
  });

  test('has a line for what no server has seen, and counts every byte of it', async () => {
    onlyOver('h1', 'it counts the bytes of HTTP/1.1 without TLS');
    await using origin = await httpOrigin('a', (_, response) => response.write('never ends'));
    const config = {
      ...configFor([origin], {}, { timeouts: { requestHead: '1s' }, limits: { connections: 2, headBytes: '2k' } }),
      workers: 1,
      log: { access: 'json' },
      shutdown: { timeout: '100ms' },
    };
    await using limpet = await startLimpet(runtime, { config });
    const told = [
      { sent: 'GET /a HTTP/1.1\r\n\r\n', status: 400, fault: 'host-missing' },
      { sent: 'TRACE /a HTTP/1.1\r\nHost: x\r\n\r\n', status: 501, fault: 'method-refused' },
      { sent: `GET /a HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(3000)}`, status: 431, fault: 'head-too-large' },
      { sent: 'GET /a HTTP/1.1\r\nHost:', status: 408, fault: 'request-timeout' },
    ];
    const expected: Record<string, unknown>[] = [];
    for (const { sent, status, fault } of told) {
      await using client = await RawClient.connect(limpet.port);
      await client.send(sent);
      await client.closed();
      expected.push({ status, fault, target: '/a', bytesIn: sent.length, bytesOut: client.received.length });
    }
    await using busy = await RawClient.connect(limpet.port);
    const sent = 'GET /busy HTTP/1.1\r\nHost: x\r\n\r\n';
    await busy.send(sent);
    await busy.wait('the first bytes', 5000, () => busy.rest.includes('never ends'));
    await using _idle = await RawClient.connect(limpet.port);
    await using third = await RawClient.connect(limpet.port);
    await third.closed();
    const one = { status: 503, fault: 'too-many-connections', target: null, bytesIn: 0 };
    expected.push({ ...one, bytesOut: third.received.length });
    // What the end of the balancer cuts is told before it.
    await limpet.stop();
    expected.push({ status: 200, fault: 'client-gone', target: '/busy', bytesIn: sent.length });
    const lines = limpet
      .stdout()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject(expected);
  });
});
