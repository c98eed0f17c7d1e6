/** Bytes and backpressure: all arrive, in order, and nothing is kept without telling. */
import { randomBytes } from 'node:crypto';
import { type Case, ok, othersGoOn, Peer, pairOf, same, until } from './peer.ts';

const KB = 1024;
const MB = 1024 * KB;
const piece = randomBytes(64 * KB);

/** Counts the bytes of a stream that repeats `piece`, and the wrong ones. */
function checker(): { readonly check: (chunk: Buffer) => void; readonly wrong: () => number } {
  let at = 0;
  let wrong = 0;
  return {
    check: (chunk) => {
      for (let from = 0; from < chunk.length; ) {
        const offset = at % piece.length;
        const length = Math.min(piece.length - offset, chunk.length - from);
        if (piece.compare(chunk, from, from + length, offset, offset + length) !== 0) wrong++;
        at += length;
        from += length;
      }
    },
    wrong: () => wrong,
  };
}

export const flow: Record<string, Case> = {
  async echoes(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.on = (_event, chunk) => {
      if (chunk !== null) server.write(chunk);
    };
    client.write('hello ');
    client.write('limpet');
    await until('the echo', () => client.bytes === 12);
    same(client.text, 'hello limpet', 'echo');
    same(client.socket.pending, 0, 'pending');
    same(client.socket.secure, client.socket.tls !== null, 'secure');
  },

  async 'gives chunks to keep: they do not change later'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    for (let i = 0; i < 50; i++) {
      client.write(String.fromCharCode(65 + (i % 26)).repeat(1000));
      await until('a piece', () => server.bytes === (i + 1) * 1000);
    }
    const expected = Array.from({ length: 50 }, (_, i) => String.fromCharCode(65 + (i % 26)).repeat(1000)).join('');
    ok(server.text === expected, 'a kept chunk was overwritten');
  },

  async 'writes nothing for an empty chunk'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    ok(client.write(''), 'write of nothing answered false');
    client.write('a');
    await until('the byte', () => server.bytes === 1);
  },

  async 'answers false and counts `pending` as soon as bytes are kept, and onDrain follows'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    let answer = true;
    let written = 0;
    const small = Buffer.alloc(4 * KB, 'x');
    while (client.socket.pending === 0) {
      answer = client.write(small);
      written += small.length;
      ok(written < 64 * MB, 'the connection takes everything');
    }
    same(answer, false, `answer of the write that left ${client.socket.pending} bytes`);
    same(client.drains, 0, 'drains before the reader reads');
    server.resume();
    await until('onDrain', () => client.drains > 0);
    same(client.socket.pending, 0, 'pending at onDrain');
    await until('all bytes', () => server.bytes === written);
  },

  async 'writeCopy answers as write does'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    let answer = true;
    const small = Buffer.alloc(4 * KB, 'x');
    while (client.socket.pending === 0) answer = client.writeCopy(small, small.length);
    same(answer, false, 'answer of the writeCopy that left bytes');
    same(client.writeCopy(small, 1), false, 'answer while bytes are kept');
    same(client.writeCopy(small, 0), false, 'answer for no bytes while bytes are kept');
    server.resume();
    await until('onDrain', () => client.drains > 0);
  },

  async 'writeCopy leaves the buffer to the caller'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    const scratch = Buffer.alloc(16 * KB);
    let writes = 0;
    for (let after = 0; after < 4; ) {
      scratch.fill(writes % 256);
      client.writeCopy(scratch, 10 * KB);
      writes++;
      if (client.socket.pending > 0) after++;
    }
    scratch.fill(0xff);
    server.resume();
    await until('all bytes', () => server.bytes === writes * 10 * KB);
    const all = Buffer.concat(server.chunks);
    for (let i = 0; i < writes; i++)
      ok(all[i * 10 * KB] === i % 256 && all[(i + 1) * 10 * KB - 1] === i % 256, `piece ${i} was changed`);
  },

  async 'keeps the order of kept and new bytes'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    const { check, wrong } = checker();
    server.on = (_event, chunk) => {
      if (chunk !== null) check(chunk);
    };
    server.pause();
    const written = (await client.fill(piece)) + 8 * piece.length;
    for (let i = 0; i < 8; i++) client.write(Buffer.from(piece));
    ok(client.socket.pending >= 8 * piece.length, 'pending does not count what was kept');
    server.resume();
    await until('all bytes', () => server.bytes === written);
    same(wrong(), 0, 'wrong pieces');
    await until('onDrain', () => client.drains > 0 && client.socket.pending === 0);
  },

  async 'pause stops reading at once, resume goes on'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.on = (event) => {
      if (event === 'data') server.pause();
    };
    const written = await client.fill(piece);
    const before = server.bytes;
    const calls = server.chunks.length;
    await othersGoOn(net);
    same(server.chunks.length, calls, 'calls of onData while paused');
    ok(before <= 1 * MB, `${before} bytes came before pause took effect`);
    server.on = () => {};
    server.resume();
    await until('all bytes', () => server.bytes === written);
  },

  async 'reads in small pieces where much is kept already; all arrive, in order, and the end'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    const { check, wrong } = checker();
    let largest = 0;
    server.on = (event, chunk) => {
      if (chunk === null) return;
      check(chunk);
      largest = Math.max(largest, chunk.length);
      // A reader that is told to wait again and again, and now and then at once told to go on.
      if (event === 'data' && server.bytes % 3 === 0) {
        server.pause();
        if (server.bytes % 2 === 0) server.resume();
        else setImmediate(() => server.resume());
      }
    };
    server.socket.charge({ addBuffered() {}, crowded: true });
    server.pause();
    const written = await client.fill(piece);
    client.end();
    server.resume();
    await until('all bytes', () => server.bytes === written);
    // With TLS, Bun alone can read: what stands in the kernel is encrypted.
    const most = server.socket.secure && net.runtime === 'bun' ? 512 * KB : 64 * KB;
    ok(largest <= most, `a read brought ${largest} bytes`);
    same(wrong(), 0, 'wrong pieces');
    await until('the end', () => server.events.includes('end'));
  },

  async 'goes on as always when less is kept'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    const { check, wrong } = checker();
    const account = { addBuffered() {}, crowded: true };
    server.on = (_event, chunk) => {
      if (chunk !== null) check(chunk);
      account.crowded = server.bytes % 5 === 0;
    };
    server.socket.charge(account);
    const total = 64 * MB;
    for (let sent = 0; sent < total; sent += piece.length) {
      if (!client.write(Buffer.from(piece))) await until('room', () => client.socket.pending === 0);
    }
    await until('all bytes', () => server.bytes === total);
    same(wrong(), 0, 'wrong pieces');
    server.write('back');
    await until('the answer', () => client.text === 'back');
  },

  async 'a reset is told while reads are small'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.socket.charge({ addBuffered() {}, crowded: true });
    server.pause();
    await client.fill(piece);
    server.resume();
    client.destroy();
    await until('the reset', () => server.events.includes('reset') || server.events.includes('close'));
  },

  async 'pause before the first byte'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    server.pause();
    server.pause();
    client.write('hello');
    await othersGoOn(net);
    same(server.bytes, 0, 'bytes while paused');
    server.resume();
    server.resume();
    await until('the bytes', () => server.text === 'hello');
  },

  async 'moves a gigabyte through a slow reader in bounded memory'(net) {
    await using pair = await pairOf(net);
    const { client, server } = pair;
    const { check, wrong } = checker();
    const size = 1024 * MB;
    let most = 0;
    // A peer that keeps nothing: the memory is the sockets' alone.
    const reader = new Peer();
    reader.socket = server.socket;
    let read = 0;
    reader.onData = (chunk) => {
      read += chunk.length;
      check(chunk);
      reader.socket.pause();
      setImmediate(() => reader.socket.resume());
    };
    server.socket.handler = reader;
    let sent = 0;
    const base = process.memoryUsage().rss;
    const push = () => {
      while (sent < size) {
        sent += piece.length;
        if (!client.write(Buffer.from(piece))) return;
      }
    };
    client.on = (event) => {
      if (event === 'drain') push();
    };
    push();
    while (read < size) {
      const before = read;
      await until('more bytes', () => read > before);
      most = Math.max(most, process.memoryUsage().rss - base);
    }
    same(wrong(), 0, 'wrong pieces');
    ok(most < 64 * MB, `memory grew by ${Math.round(most / MB)} MB`);
    server.socket.handler = server;
  },
};
