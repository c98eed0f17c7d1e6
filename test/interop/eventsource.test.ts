/** Server-sent events with the npm EventSource: each event arrives by itself, and the server sees the client go. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { EventSource } from 'eventsource';
import { expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { httpOrigin } from '../support/origin.ts';
import { until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

test.each(runtimes)('server-sent events through limpet on %s', async (runtime) => {
  const streams: { response: ServerResponse; lastEventId: string | undefined; closed: boolean }[] = [];
  await using origin = await httpOrigin('a', (request, response) => {
    const stream = { response, lastEventId: request.headers['last-event-id']?.toString(), closed: false };
    streams.push(stream);
    response.on('close', () => {
      stream.closed = true;
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.write('retry: 20\n\n');
  });
  await using limpet = await startLimpet(runtime, { args: [origin.address] });

  const source = new EventSource(`${limpet.url}/events`);
  await once(source, 'open');
  // An event is sent only when the one before it has arrived: a buffering proxy would never get past the first.
  for (let i = 1; i <= 5; i++) {
    const arrived = once(source, 'message');
    streams[0]?.response.write(`id: ${i}\ndata: event ${i}\n\n`);
    const [event] = (await arrived) as [MessageEvent<string>];
    expect(event.data).toBe(`event ${i}`);
  }

  // The server ends the stream: the client comes back and says where it was.
  streams[0]?.response.end();
  await until('the client is back', () => streams.length === 2);
  expect(streams[1]?.lastEventId).toBe('5');
  const arrived = once(source, 'message');
  streams[1]?.response.write('id: 6\ndata: event 6\n\n');
  await arrived;

  source.close();
  await until('the server sees the client leave', () => streams[1]?.closed === true);
});

test.each(runtimes)('many quiet streams stay open on %s', async (runtime) => {
  const open: ServerResponse[] = [];
  await using origin = await httpOrigin('a', (_, response) => {
    open.push(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  await using limpet = await startLimpet(runtime, { args: [origin.address] });
  const sources = Array.from({ length: 40 }, () => new EventSource(`${limpet.url}/events`));
  await until('all streams are open', () => open.length === sources.length);
  const arrived = sources.map((source) => once(source, 'message'));
  for (const response of open) response.write('data: tide\n\n');
  await Promise.all(arrived);
  for (const source of sources) source.close();
});
