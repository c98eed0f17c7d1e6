/** Streams of one HTTP/2 connection, whose client takes nothing of what one of them sends: the servers of the others wait, too. */
import { expect, test } from 'vitest';
import { frame, setting, uint32 } from '../../test/support/h2-frames.ts';
import { stageBalancer } from '../../test/support/stage-balancer.ts';
import { request } from '../../test/support/stage-h2-client.ts';
import { clientPreface, FrameType, SettingId } from '../http/h2/frame.ts';

const { settings, windowUpdate } = FrameType;
const wide = 2 ** 30;
const head = 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n';

/** A client with open windows, whose streams 1, 3 and so on have each asked a server. */
function begin(streams: number, pool: Readonly<Record<string, unknown>> = {}) {
  const times = { response: '10s', responseBody: '20s' };
  const balancer = stageBalancer({ affinity: 'none', retry: { attempts: 1 }, timeouts: times, ...pool }, 1, {
    h2: true,
  });
  const client = balancer.connect();
  const send = (...all: readonly Buffer[]): void => client.handler.onData(Buffer.concat(all));
  const ask = (stream: number) => {
    send(request(2 * stream + 1, true));
    const server = balancer.net.last;
    server.open();
    balancer.endTurn();
    return server;
  };
  send(
    clientPreface,
    frame(settings, 0, 0, setting(SettingId.initialWindowSize, wide)),
    frame(windowUpdate, 0, 0, uint32(wide)),
    frame(settings, 1, 0),
  );
  const servers = Array.from({ length: streams }, (_, n) => ask(n));
  /** The client takes nothing of what the first server sends. */
  const fill = (): void => {
    client.slow = true;
    servers[0]?.send(`${head}01234`);
    balancer.endTurn();
  };
  return { balancer, client, servers, ask, fill };
}

test('servers that have not answered yet, or in part, are not read until the client takes bytes again', () => {
  const { balancer, client, servers, fill } = begin(3);
  servers[1]?.send(`${head}01234`);
  balancer.endTurn();
  fill();
  // The first one has more to say than has come: it is paused with its next bytes.
  expect(servers.map(({ paused }) => paused)).toEqual([true, true, true]);
  client.drain();
  balancer.endTurn();
  expect(servers.map(({ paused }) => paused)).toEqual([false, false, false]);
  for (const server of servers.slice(1))
    server.send(server === servers[1] ? '0123456789abcde' : `${head}01234567890123456789`);
  balancer.endTurn();
  expect(client.received).toContain('01234567890123456789');
});

test('a request that comes meanwhile is sent, and its response not read', () => {
  const { balancer, client, ask, fill } = begin(1);
  fill();
  const server = ask(1);
  expect([server.received.slice(0, 5), server.paused]).toEqual(['GET /', true]);
  client.drain();
  balancer.endTurn();
  expect(server.paused).toBe(false);
});

test('a server that waits for the client is not late, and then has its time anew', () => {
  const { balancer, client, servers, fill } = begin(2);
  fill();
  // The client takes a byte from time to time.
  for (let i = 0; i < 5; i++) {
    client.pending--;
    balancer.advance(9000);
  }
  expect(balancer.counters()).toMatchObject({ requests_refused_response_timeout: 0, requests_refused_client_gone: 0 });
  client.drain();
  balancer.endTurn();
  balancer.advance(9000);
  expect(balancer.counters()).toMatchObject({ requests_refused_response_timeout: 0 });
  balancer.advance(2000);
  expect(servers[1]?.state).toBe('reset');
  expect(balancer.counters()).toMatchObject({ requests_refused_response_timeout: 1 });
});

test('a client that takes nothing for timeouts.write is cut off, and no server is blamed', () => {
  const { balancer, client, servers, fill } = begin(3);
  fill();
  balancer.advance(31_000);
  balancer.advance(31_000);
  expect([client.state, ...servers.map(({ state }) => state)]).toEqual(['reset', 'reset', 'reset', 'reset']);
  expect(balancer.counters()).toMatchObject({ requests_refused_response_timeout: 0, requests_refused_body_timeout: 0 });
});
