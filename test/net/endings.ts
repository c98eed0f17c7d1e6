/** How connections end: half-close, close, reset; onClose exactly once and last. */
import { type Case, ok, othersGoOn, pairOf, same, until } from './peer.ts';

const piece = Buffer.alloc(64 * 1024, 'x');

export const endings: Record<string, Case> = {
  async 'half-close by the client: the server still answers'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    client.write('question');
    client.end();
    await until('FIN at the server', () => server.events.includes('end'));
    same(server.text, 'question', 'bytes before FIN');
    await othersGoOn(net);
    same([server.isClosed, client.isClosed], [false, false], 'closed by a FIN of one side');
    server.write(Buffer.alloc(1_000_000, 'a'));
    server.end();
    await until('the answer and FIN', () => client.bytes === 1_000_000 && client.events.includes('end'));
    await until('both closed', () => client.isClosed && server.isClosed);
    same(server.events, ['data', 'end', 'close'], 'events of the server');
    same(client.events, ['data', 'end', 'close'], 'events of the client');
  },

  async 'half-close by the server: the client still sends'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.write('bye');
    server.end();
    await until('FIN at the client', () => client.events.includes('end'));
    client.write('more');
    await until('the bytes', () => server.text === 'more');
    client.end();
    await until('both closed', () => client.isClosed && server.isClosed);
    same(server.events, ['data', 'end', 'close'], 'events of the server');
  },

  async 'end sends FIN after all that was written'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    const written = await client.fill(piece);
    client.end();
    client.end();
    await othersGoOn(net);
    server.resume();
    await until('all bytes and FIN', () => server.events.includes('end'));
    same(server.bytes, written, 'bytes before FIN');
  },

  async 'close hands everything to the kernel first'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    const written = await client.fill(piece);
    client.close();
    client.close();
    await othersGoOn(net);
    same(client.isClosed, false, 'closed before its bytes were taken');
    server.resume();
    await until('all bytes and FIN', () => server.events.includes('end'));
    same(server.bytes, written, 'bytes before FIN');
    await until('the client is closed', () => client.isClosed);
    same(client.events, ['close'], 'events of the client');
  },

  async 'close without anything kept'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    client.write('last');
    client.close();
    same(client.isClosed, false, 'onClose came from inside close');
    await until('all bytes and FIN', () => server.events.includes('end'));
    same(server.text, 'last', 'bytes before FIN');
    await until('the client is closed', () => client.isClosed);
  },

  async 'close while the peer has already sent FIN'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.end();
    await until('FIN', () => client.events.includes('end'));
    client.write('last');
    client.close();
    await until('both closed', () => client.isClosed && server.isClosed);
    same(server.text, 'last', 'bytes');
    same(server.events, ['data', 'end', 'close'], 'events of the server');
  },

  async 'destroy resets: the peer sees a broken connection and no FIN'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    client.write('x');
    await until('the byte', () => server.bytes === 1);
    client.destroy();
    same(client.isClosed, false, 'onClose came from inside destroy');
    await until('both closed', () => client.isClosed && server.isClosed);
    same(server.events, ['data', 'reset'], 'events of the server');
    client.destroy();
    client.close();
    client.end();
  },

  async 'destroy drops what was kept'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    await client.fill(piece);
    client.destroy();
    same(client.socket.pending, 0, 'pending');
    await until('the client is closed', () => client.isClosed);
    server.resume();
    await until('the server is closed', () => server.isClosed);
    same(server.events.at(-1), 'reset', 'last event of the server');
    same(server.events.includes('end'), false, 'FIN');
  },

  async 'a reset by the peer while bytes are kept'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    await client.fill(piece);
    server.destroy();
    await until('both closed', () => client.isClosed && server.isClosed);
    same(client.events, ['reset'], 'events of the client');
    same(client.socket.pending, 0, 'pending');
  },

  async 'writes after the end are ignored'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    client.write('a');
    client.end();
    client.write('b');
    client.writeCopy(Buffer.from('c'), 1);
    await until('FIN', () => server.events.includes('end'));
    await othersGoOn(net);
    same(server.text, 'a', 'bytes');
    same(client.socket.pending, 0, 'pending');
    same(server.isClosed, false, 'broken by a late write');
  },

  async 'writes after the end of a connection that keeps bytes are ignored'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    const written = await client.fill(piece);
    client.end();
    client.write('b');
    client.writeCopy(Buffer.from('c'), 1);
    server.resume();
    await until('FIN', () => server.events.includes('end'));
    same(server.bytes, written, 'bytes');
  },

  async 'writes after close and destroy are ignored'(net) {
    for (const leave of ['close', 'destroy'] as const) {
      await using pair = await pairOf(net);
      const { client, server } = pair;
      server.pause();
      const written = await client.fill(piece);
      client[leave]();
      client.write('b');
      client.writeCopy(Buffer.from('c'), 1);
      server.resume();
      await until('both closed', () => server.isClosed || server.events.includes('end'));
      ok(server.bytes <= written, `bytes written after ${leave} came`);
      if (leave === 'close') same(server.bytes, written, 'bytes');
    }
  },

  async 'calls after onClose do nothing'(net) {
    await using pair = await pairOf(net);
    const { client } = pair;
    client.destroy();
    await until('closed', () => client.isClosed);
    client.write('x');
    client.writeCopy(Buffer.from('x'), 1);
    client.pause();
    client.resume();
    client.end();
    client.close();
    client.destroy();
    await othersGoOn(net);
    same(client.events.length, 1, 'events');
  },

  async 'callbacks do not come from inside calls that are made in callbacks'(net) {
    for (const leave of ['end', 'close', 'destroy'] as const) {
      await using pair = await pairOf(net);
      const { client, server } = pair;
      server.on = (event) => {
        if (event !== 'data') return;
        server.pause();
        server.write(Buffer.alloc(500_000, 'y'));
        server.resume();
        server[leave]();
      };
      client.on = (event) => {
        if (event === 'end') client[leave]();
      };
      client.write('x');
      await until('both closed', () => client.isClosed && server.isClosed);
    }
  },

  async 'a new handler gets what comes after'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    client.write('a');
    await until('the byte', () => server.bytes === 1);
    const seen: string[] = [];
    server.socket.handler = {
      onData: (chunk) => seen.push(chunk.toString()),
      onDrain: () => {},
      onEnd: () => seen.push('end'),
      onClose: () => {
        seen.push('close');
        server.events.push('close');
      },
    };
    client.write('b');
    await until('the second byte', () => seen.length === 1);
    client.end();
    await until('FIN', () => seen.includes('end'));
    server.socket.end();
    await until('closed', () => seen.includes('close'));
    same(seen, ['b', 'end', 'close'], 'what the new handler saw');
    same(server.text, 'a', 'what the old one saw');
  },
};
