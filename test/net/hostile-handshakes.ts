/** Clients of a TLS port that are no clients of TLS, or bad ones. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { connect, type Socket as StreamSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Case, ok, same, until } from './peer.ts';
import { serverRules } from './rules.ts';
import { Stage } from './tls-stage.ts';

/** A connection with its handshake over, as its stream of node:tls and the server's side of it. */
async function connected(stage: Stage) {
  const stream = stage.stream();
  const { length } = stage.accepted;
  await until('the handshake', () => stage.accepted.length > length && stage.last.session !== null);
  return { stream, server: stage.last };
}

function descriptorOf(socket: StreamSocket & { _handle?: unknown }): number {
  const { _handle: handle } = socket;
  const known = typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number';
  return known ? Number(handle.fd) : -1;
}

export const hostileHandshakes: Record<string, Case> = {
  async 'plain HTTP is told so in plain text'(net) {
    await using stage = await Stage.open(net, serverRules);
    for (const method of ['GET', 'POST', 'HEAD']) {
      const answer = await stage.raw(`${method} / HTTP/1.1\r\nHost: local.test\r\n\r\n`);
      same(answer.toString(), 'HTTP/1.1 400 Bad Request\r\n\r\nuse https', `answer to ${method}`);
      same(stage.last.code, 'ERR_SSL_HTTP_REQUEST', 'code');
    }
  },

  async 'bytes that are no TLS are answered with an alert at most'(net) {
    await using stage = await Stage.open(net, serverRules);
    const clientHello = Buffer.from('16030100050100000100', 'hex');
    for (const bytes of [
      Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'),
      Buffer.alloc(100_000, 0xff),
      Buffer.from([0x16, 0x03, 0x01, 0xff, 0xff, ...Buffer.alloc(100)]),
      Buffer.concat([clientHello, Buffer.alloc(70_000, 1)]),
    ]) {
      const answer = await stage.raw(bytes);
      ok(answer.length <= 16, `${answer.length} bytes of answer to ${bytes.subarray(0, 8).toString('hex')}`);
      await until('the server is closed', () => stage.last.isClosed);
      ok(stage.last.error !== null && stage.last.session === null, 'not a failure');
    }
  },

  async 'a client that leaves during its handshake is a failure'(net) {
    await using stage = await Stage.open(net, serverRules);
    for (const leave of ['end', 'destroy'] as const) {
      const { length } = stage.accepted;
      const socket = connect(stage.listener.port, '127.0.0.1', () => socket.write(Buffer.from('16030100', 'hex')));
      await until('it is accepted', () => stage.accepted.length > length);
      socket[leave]();
      await until('the server is closed', () => stage.last.isClosed);
      same([stage.last.session, stage.last.error !== null], [null, true], leave);
      socket.destroy();
    }
  },

  async 'a listener may destroy a connection before, during and right after its handshake'(net) {
    await using stage = await Stage.open(net, serverRules);
    const silent = connect(stage.listener.port, '127.0.0.1');
    silent.on('error', () => {});
    await until('it is accepted', () => stage.accepted.length === 1);
    stage.last.destroy();
    await until('it is closed', () => stage.last.isClosed && silent.destroyed);
    stage.onAccept = (one) => {
      one.onSecure = () => one.destroy();
    };
    const late = stage.stream();
    await until('it is closed', () => stage.accepted.length === 2 && stage.last.isClosed && late.destroyed);
    stage.onAccept = (one) => one.destroy();
    const early = stage.stream();
    await until('it is closed', () => stage.accepted.length === 3 && stage.last.isClosed && early.destroyed);
  },

  async 'garbage after the handshake breaks the connection, and is not data'(net) {
    await using stage = await Stage.open(net, serverRules);
    const socket = connect(stage.listener.port, '127.0.0.1');
    const stream = connectTls({ socket, rejectUnauthorized: false });
    stream.on('error', () => {});
    await until('the handshake', () => stage.accepted.length === 1 && stage.last.session !== null);
    stream.write('first');
    await until('data', () => stage.last.text === 'first');
    // Below TLS.
    writeSync(descriptorOf(socket), 'this is no record of TLS');
    await until('the server is closed', () => stage.last.isClosed);
    same([stage.last.text, stage.last.events.at(-1)], ['first', 'reset'], 'what the server saw');
    stream.destroy();
  },

  async 'a cut answer does not end like a whole one'(net) {
    await using stage = await Stage.open(net, serverRules);
    const { stream, server } = await connected(stage);
    const events: string[] = [];
    stream.on('data', () => {});
    stream.on('end', () => events.push('end'));
    stream.on('error', () => events.push('error'));
    stream.write('question');
    await until('the question', () => server.text === 'question');
    server.write('half an answer');
    server.destroy();
    await until('the client knows', () => stream.destroyed);
    same(events, ['error'], 'what the client saw');
  },

  async 'a FIN without close_notify is an end like any other: what came before has to show that it is whole'(net) {
    await using stage = await Stage.open(net, serverRules);
    const transport = connect(stage.listener.port, '127.0.0.1');
    const stream = connectTls({ socket: transport, rejectUnauthorized: false });
    stream.on('error', () => {});
    await until('the handshake', () => stage.accepted.length === 1 && stage.last.session !== null);
    stream.write('half a mess');
    await until('data', () => stage.last.text === 'half a mess');
    transport.end();
    await until('the end', () => stage.last.events.includes('end'));
    same(stage.last.events, ['data', 'end'], 'what the server saw');
    stream.destroy();
  },

  async 'renegotiation is refused'(net) {
    await using stage = await Stage.open(net, serverRules);
    const where = ['-connect', `127.0.0.1:${stage.listener.port}`];
    const client = spawn('openssl', ['s_client', ...where, '-tls1_2'], { stdio: ['pipe', 'ignore', 'ignore'] });
    await until('the handshake', () => stage.accepted.length === 1 && stage.last.session !== null);
    const gone = once(client, 'close');
    // The command of s_client for it. A client whose renegotiation is refused goes.
    client.stdin.write('R\n');
    await gone;
    await until('the server knows', () => stage.last.events.length > 0);
    same(stage.last.bytes, 0, 'bytes');
  },
};
