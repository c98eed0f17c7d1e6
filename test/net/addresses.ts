/** Listening and connecting: families, unix-domain sockets, refusals, shared ports. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address, Net } from '../../src/net/socket.ts';
import { systemTimers } from '../../src/time/clock.ts';
import { isPortTaken } from '../../src/workers/port-check.ts';
import { type Case, connectTo, listenAt, loopback, ok, othersGoOn, Peer, pairOf, same, until } from './peer.ts';

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'an error without a code';
  }
  return 'no failure';
}

/** A port on which nobody listens. */
async function freePort(net: Net): Promise<number> {
  const listener = await listenAt(net, loopback, []);
  listener.close();
  return listener.port;
}

async function withSocketFile(run: (address: Address) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-net-'));
  try {
    await run({ kind: 'unix', path: join(folder, 'app.sock') });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const addresses: Record<string, Case> = {
  async 'tells who the peer is'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    same(server.socket.remoteAddress, '127.0.0.1', 'address of the client');
    same(client.socket.remoteAddress, '127.0.0.1', 'address of the server');
  },

  async IPv6(net) {
    await using pair = await pairOf(net, { kind: 'tcp', host: '::1', port: 0 });
    pair.client.write('six');
    await until('the bytes', () => pair.server.text === 'six');
    same(pair.server.socket.remoteAddress, '::1', 'address of the client');
  },

  async 'an empty host is all interfaces of both families, and IPv4 is told as IPv4'(net) {
    for (const host of ['127.0.0.1', '::1']) {
      await using pair = await pairOf(net, { kind: 'tcp', host: '', port: 0 }, host);
      pair.client.write('x');
      await until('the byte', () => pair.server.text === 'x');
      same(pair.server.socket.remoteAddress, host, 'address of the client');
    }
  },

  async 'unix-domain sockets'(net) {
    await withSocketFile(async (address) => {
      await using pair = await pairOf(net, address);
      const { client, server, listener } = pair;
      same(listener.port, 0, 'port');
      same([client.socket.remoteAddress, server.socket.remoteAddress], ['', ''], 'addresses');
      client.write('question');
      await until('the question', () => server.text === 'question');
      server.write('answer');
      server.close();
      await until('the answer', () => client.text === 'answer' && client.events.includes('end'));
      client.end();
      await until('both closed', () => client.isClosed && server.isClosed);
    });
  },

  async 'destroy of a unix-domain socket'(net) {
    await withSocketFile(async (address) => {
      await using pair = await pairOf(net, address);
      const { client, server } = pair;
      client.write('x');
      await until('the byte', () => server.bytes === 1);
      client.destroy();
      await until('the client is closed', () => client.isClosed);
      // The kernel knows no reset here: a FIN is as much as the peer can see.
      await until('the server knows', () => server.events.length > 1);
    });
  },

  async 'connect to a unix-domain socket that is not there'(net) {
    await withSocketFile(async (address) => {
      ok((await failureOf(connectTo(net, address))) !== 'no failure', 'connected to nobody');
    });
  },

  async 'connect refused'(net) {
    const port = await freePort(net);
    let fails = 0;
    let opens = 0;
    net.connect(
      { kind: 'tcp', host: '127.0.0.1', port },
      {
        onOpen: () => {
          opens++;
          return new Peer();
        },
        onFail: () => fails++,
      },
    );
    same(fails, 0, 'onFail from inside connect');
    await until('the refusal', () => fails > 0);
    await othersGoOn(net);
    same([opens, fails], [0, 1], 'opens and fails');
  },

  async 'a cancelled connect tells nobody, and leaves no connection'(net) {
    const peers: Peer[] = [];
    const listener = await listenAt(net, loopback, peers);
    let told = 0;
    const connecting = net.connect(
      { kind: 'tcp', host: '127.0.0.1', port: listener.port },
      {
        onOpen: () => {
          told++;
          return new Peer();
        },
        onFail: () => told++,
      },
    );
    connecting.cancel();
    connecting.cancel();
    await othersGoOn(net);
    same(told, 0, 'callbacks after cancel');
    await until('what was accepted is gone', () => peers.every((peer) => peer.events.length > 0));
    for (const peer of peers) if (!peer.isClosed) peer.destroy();
    listener.close();
  },

  async 'a cancelled connect to nobody tells nobody'(net) {
    const port = await freePort(net);
    let told = 0;
    const handler = { onOpen: () => new Peer(), onFail: () => told++ };
    net.connect({ kind: 'tcp', host: '127.0.0.1', port }, handler).cancel();
    await othersGoOn(net);
    same(told, 0, 'callbacks after cancel');
  },

  async 'an address in use rejects with EADDRINUSE'(net) {
    const listener = await listenAt(net, loopback, []);
    same(await failureOf(listenAt(net, { ...loopback, port: listener.port }, [])), 'EADDRINUSE', 'code');
    same(
      await failureOf(listenAt(net, { kind: 'tcp', host: '', port: listener.port }, [])),
      'EADDRINUSE',
      'code for all interfaces',
    );
    listener.close();
  },

  async 'isTaken finds who listens, also one that would share its port'(net) {
    const listener = await listenAt(net, loopback, [], true);
    const { port } = listener;
    for (const host of ['127.0.0.1', '0.0.0.0', '']) {
      ok(await isPortTaken(net, { kind: 'tcp', host, port }, systemTimers), `'${host}' is taken`);
    }
    ok(
      !(await isPortTaken(net, { kind: 'tcp', host: '203.0.113.1', port }, systemTimers)),
      'an address that is not ours',
    );
    listener.close();
    for (const host of ['127.0.0.1', '0.0.0.0', '']) {
      ok(!(await isPortTaken(net, { kind: 'tcp', host, port }, systemTimers)), `'${host}' is free again`);
    }
  },

  async 'two listeners share a port with reusePort'(net) {
    const peers: Peer[] = [];
    const first = await listenAt(net, loopback, peers, true);
    const address: Address = { ...loopback, port: first.port };
    const second = await listenAt(net, address, peers, true);
    same(second.port, first.port, 'port');
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectTo(net, address)));
    await until('all are accepted', () => peers.length === 8);
    first.close();
    second.close();
    for (const client of clients) client.destroy();
    await until('all are closed', () => peers.every((peer) => peer.isClosed));
  },

  async 'a connection that accept refuses is reset'(net) {
    const listener = await net.listen({
      address: loopback,
      reusePort: false,
      tls: null,
      backlog: 16,
      accept: () => null,
      onError: () => {},
    });
    let told = '';
    const client = new Peer();
    net.connect(
      { ...loopback, port: listener.port },
      {
        onOpen: () => client,
        // The reset may be there before the connection is known to stand.
        onFail: () => {
          told = 'failed';
        },
      },
    );
    await until('the reset', () => told !== '' || client.isClosed);
    if (told === '') same(client.events, ['reset'], 'events of the client');
    listener.close();
  },

  async 'a closed listener accepts nobody, and open connections stay'(net) {
    await using pair = await pairOf(net);
    const { client, server, listener } = pair;
    listener.close();
    client.write('still');
    await until('the bytes', () => server.text === 'still');
    ok(
      (await failureOf(connectTo(net, { ...loopback, port: listener.port }))) !== 'no failure',
      'accepted after close',
    );
  },
};
