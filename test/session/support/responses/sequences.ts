/** The sequences, as data. Each stands for something that apps, frameworks or Node's own streams do with a response. */
import { createReadStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import type { Sequence, Stage } from './sequence.ts';
import { violations } from './violations.ts';

const big = 'b'.repeat(200_000);
const pieces = (count: number, size: number) => Array.from({ length: count }, (_, n) => String(n % 10).repeat(size));

/** Each way to send a whole response, with each kind of status and method. */
const ways: Readonly<Record<string, (stage: Stage, status: number) => unknown>> = {
  'end()': ({ response }, status) => {
    response.statusCode = status;
    response.end();
  },
  'end(text)': ({ response }, status) => {
    response.statusCode = status;
    response.end('body');
  },
  'writeHead, end(text)': ({ response }, status) => {
    response.writeHead(status, { 'Content-Type': 'text/plain' });
    response.end('body');
  },
  'write, end': (stage, status) => {
    stage.response.statusCode = status;
    stage.attempt('write', () => stage.response.write('a', stage.done('written')));
    stage.response.end('b', stage.done('ended'));
    stage.flags();
  },
  'Content-Length, write, end': ({ response }, status) => {
    response.writeHead(status, { 'Content-Length': 4 });
    response.write('bo');
    response.write('dy');
    response.end();
  },
  'flushHeaders, write, end': (stage, status) => {
    stage.response.statusCode = status;
    stage.response.flushHeaders();
    stage.flags();
    stage.attempt('write', () => stage.response.write('a'));
    stage.response.end('b');
  },
  pipe: ({ response }, status) => {
    response.statusCode = status;
    Readable.from(['one', 'two']).pipe(response);
  },
};

const whole: Sequence[] = [200, 204, 304, 404, 503].flatMap((status) =>
  ['GET', 'HEAD'].flatMap((method) =>
    Object.entries(ways).map(([way, run]) => ({
      name: `${method}, ${status}, ${way}`,
      method,
      run: (stage: Stage) => run(stage, status),
    })),
  ),
);

const oldClients: Sequence[] = Object.entries(ways).map(([way, run]) => ({
  name: `HTTP/1.0, ${way}`,
  version: '1.0',
  run: (stage) => run(stage, 200),
}));

const pipelined: Sequence[] = Object.entries(ways).flatMap(([way, run]) =>
  [200, 204].map((status) => ({
    name: `another request behind it, ${status}, ${way}`,
    pipelined: true,
    run: (stage: Stage) => run(stage, status),
  })),
);

/** Bodies that do not fit: who sends them stops at the first `false` and goes on at `drain`. */
const streams: Sequence[] = [
  {
    name: 'write answers false, drain follows',
    run: async (stage) => {
      const { response } = stage;
      stage.attempt('write', () => response.write(big));
      stage.note('needs drain', response.writableNeedDrain);
      if (response.writableNeedDrain) await stage.event('drain');
      stage.note('needs drain', response.writableNeedDrain);
      response.end('end');
    },
  },
  {
    name: 'three times false, and drain after each',
    run: async (stage) => {
      for (const piece of pieces(3, 300_000)) {
        const more = stage.response.write(piece);
        stage.note('write', more);
        if (!more) await stage.event('drain');
      }
      stage.response.end();
    },
  },
  {
    name: 'write until it answers false, with a length',
    run: async (stage) => {
      const { response } = stage;
      const all = pieces(40, 10_000);
      response.setHeader('Content-Length', 400_000);
      for (const piece of all) if (!response.write(piece)) await stage.event('drain');
      response.end();
    },
  },
  {
    name: 'pipe of a large stream',
    run: ({ response }) => void Readable.from(pieces(50, 20_000)).pipe(response),
  },
  {
    name: 'pipe of a file',
    run: ({ response }) => void createReadStream(import.meta.filename).pipe(response),
  },
  {
    name: 'pipe of a file, with its head before',
    run: ({ response }) => {
      response.writeHead(200, { 'Content-Type': 'text/plain', 'X-A': ['1', '2'] });
      createReadStream(import.meta.filename).pipe(response);
    },
  },
  {
    name: 'pipeline through gzip',
    anyPieces: true,
    run: ({ response }) => pipeline(Readable.from(pieces(50, 20_000)), createGzip({ level: 0 }), response),
  },
  {
    name: 'pipeline through a transform with a length',
    run: async ({ response }) => {
      response.setHeader('Content-Length', 500_000);
      const same = new Transform({ transform: (piece, _, done) => done(null, piece) });
      await pipeline(Readable.from(pieces(50, 10_000)), same, response);
    },
  },
  {
    name: 'a web stream',
    run: async ({ response }) => {
      const source = new Response(pieces(30, 20_000).join('')).body;
      for await (const piece of source ?? []) {
        if (!response.write(piece)) await new Promise<void>((done) => response.once('drain', () => done()));
      }
      response.end();
    },
  },
  {
    name: 'events: a head at once, then one by one',
    run: async (stage) => {
      const { response } = stage;
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.flushHeaders();
      await stage.clientHas('event-stream');
      for (const text of ['first', 'second', 'third']) {
        stage.attempt('write', () => response.write(`data: ${text}\n\n`));
        await stage.clientHas(text);
      }
      response.end();
    },
  },
  {
    name: 'callbacks of writes come in order, and before that of the end',
    run: async ({ response, done }) => {
      response.write('a', done('a'));
      response.write(Buffer.from('b'), done('b'));
      response.write('Yw==', 'base64', done('c'));
      response.end('d', done('end'));
    },
  },
  {
    name: 'a write waits for its callback',
    run: async ({ response }) => {
      for (const text of ['a', 'b', 'c']) await new Promise<void>((done) => response.write(text, () => done()));
      await new Promise<void>((done) => response.end(() => done()));
    },
  },
  {
    name: 'large pieces, each waits for its callback',
    run: async ({ response }) => {
      for (const text of pieces(3, 150_000)) await new Promise<void>((done) => response.write(text, () => done()));
      response.end();
    },
  },
  {
    name: 'cork, writes, uncork',
    run: (stage) => {
      const { response } = stage;
      response.cork();
      stage.attempt('write', () => response.write('a'));
      stage.attempt('write', () => response.write('b', stage.done('written')));
      stage.flags();
      response.uncork();
      stage.attempt('write', () => response.write('c'));
      stage.flags();
      response.end();
    },
  },
  {
    name: 'cork twice, end without uncork',
    run: ({ response }) => {
      response.cork();
      response.cork();
      response.write('a');
      response.write('b');
      response.end('c');
    },
  },
  {
    name: 'cork, uncork in the next turn',
    run: async ({ response }) => {
      response.cork();
      response.write('a');
      process.nextTick(() => response.uncork());
      await turn();
      response.end('b');
    },
  },
  { name: 'latin1, hex, utf8', run: ({ response }) => encodings(response) },
  {
    name: 'end with a large body',
    run: (stage) => {
      stage.response.end(big, stage.done('ended'));
      stage.flags();
    },
  },
  {
    name: 'an empty write, then end',
    run: ({ response }) => {
      response.write('');
      response.end();
    },
  },
  {
    name: 'end with an empty text and a callback',
    run: (stage) => void stage.response.end('', stage.done('ended')),
  },
  { name: 'end with bytes', run: ({ response }) => void response.end(new Uint8Array([104, 105])) },
  { name: 'end with base64', run: ({ response }) => void response.end('aGk=', 'base64') },
];

function encodings(response: Stage['response']): void {
  response.write('ä', 'latin1');
  response.write('c3a4', 'hex');
  response.write('ä', 'utf8');
  response.end('€');
}

/** Heads in all forms that Node takes. */
const heads: Sequence[] = [
  ['an object', { 'X-A': '1', 'x-b': 2 }],
  ['an object with lists', { 'X-A': ['1', '2'], 'Set-Cookie': ['a=1', 'b=2'] }],
  ['a flat list', ['X-A', '1', 'X-A', '2', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2']],
  ['Connection: close', { Connection: 'close' }],
  ['Transfer-Encoding', { 'Transfer-Encoding': 'chunked' }],
  ['a date of its own', { Date: 'today' }],
].flatMap(([form, headers]) => {
  const given = headers as Record<string, string>;
  return [
    {
      name: `writeHead with ${form}`,
      run: (stage: Stage) => {
        stage.attempt('writeHead', () => stage.response.writeHead(201, given));
        stage.flags();
        stage.response.end('body');
        stage.flags();
      },
    },
    {
      name: `writeHead with ${form} over what was set`,
      run: (stage: Stage) => {
        stage.response.setHeader('x-a', 'before');
        stage.response.setHeader('Set-Cookie', 'before=1');
        stage.attempt('writeHead', () => stage.response.writeHead(201, 'Made', given));
        stage.flags();
        stage.response.write('body');
        stage.response.end();
      },
    },
  ];
});

const early: Sequence[] = [
  {
    name: 'hints, processing, then the response',
    run: async (stage) => {
      const { response } = stage;
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      await stage.clientHas('103 Early Hints');
      stage.flags();
      response.end('body');
    },
  },
  {
    name: 'hints after the head',
    run: (stage) => {
      stage.response.write('a');
      stage.attempt('hints', () => stage.response.writeEarlyHints({ link: '</a.css>; rel=preload' }));
      stage.response.end();
    },
  },
  {
    name: '100-continue',
    method: 'POST',
    headers: ['Expect: 100-continue', 'Content-Length: 0'],
    run: async (stage) => {
      stage.response.writeContinue();
      await stage.clientHas('100 Continue');
      stage.response.end('body');
    },
  },
  {
    name: 'the expectation is refused',
    method: 'POST',
    headers: ['Expect: 100-continue', 'Content-Length: 0'],
    run: ({ response }) => void response.writeHead(417).end(),
  },
  {
    name: 'trailers',
    run: ({ response }) => {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('body');
      response.addTrailers({ 'X-Sum': '1' });
      response.end();
    },
  },
  {
    name: 'trailers, set after the client has the body',
    run: async (stage) => {
      stage.response.writeHead(200, { Trailer: 'X-Sum' });
      stage.response.write('body');
      await stage.clientHas('body');
      stage.response.addTrailers({ 'X-Sum': '1' });
      stage.response.end();
    },
  },
];

export const sequences: readonly Sequence[] = [
  ...whole,
  ...oldClients,
  ...pipelined,
  ...streams,
  ...heads,
  ...early,
  ...violations,
];
