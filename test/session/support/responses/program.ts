/**
 * Runs the sequences against a plain server and against the same server with a session of each strategy, in this process, and
 * writes the differences to stdout as JSON; and what a client got that it must not get when no change can be kept. A
 * first argument chooses the sequences whose name has it.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type SessionOptions, sessions } from '../../../../src/session/index.ts';
import { host } from '../../../support/host.ts';
import { TestBalancer } from '../balancer.ts';
import { MapStore } from '../map-store.ts';
import { type Sequence, Stage } from './sequence.ts';
import { sequences } from './sequences.ts';

interface Variant {
  readonly options: SessionOptions;
  /** Characters of the session's change. */
  readonly size: number;
}

/** Answers many turns of the loop later: all that an app does at once, and in some turns after, it does meanwhile. */
class SlowStore extends MapStore {
  override async put(...args: Parameters<MapStore['put']>): ReturnType<MapStore['put']> {
    for (let turns = 0; turns < 20; turns++) await super.touch(args[0]);
    return super.put(...args);
  }
}

const small = 10;
const large = 20_000;
const variants: Readonly<Record<string, Variant>> = {
  local: { options: { strategy: 'local' }, size: small },
  'sticky, in a header': { options: { strategy: 'sticky' }, size: small },
  'sticky, by the store': { options: { strategy: 'sticky' }, size: large },
  'shared, changed': { options: { strategy: 'shared', store: new MapStore() }, size: small },
  'shared, slow': { options: { strategy: 'shared', store: new SlowStore() }, size: small },
  'shared, unchanged': { options: { strategy: 'shared', store: new MapStore() }, size: 0 },
  stateless: { options: { strategy: 'stateless', secret: 'a secret of this test only' }, size: small },
};

interface Transcript {
  readonly notes: readonly string[];
  readonly progress: readonly string[];
  readonly bytes: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Milliseconds after which a response that does not end is one that hangs. */
const patience = 5000;

/** One request of a sequence on a connection of its own. */
async function play(sequence: Sequence, around: (work: Handler) => Handler, word: string): Promise<Transcript> {
  let bytes = '';
  const waiting: { text: string; done: () => void }[] = [];
  const wake = () => {
    for (const one of waiting) if (bytes.includes(one.text)) one.done();
  };
  // Whoever waits for more when the connection is gone would wait for ever.
  let isGone = false;
  const received = (text: string) => {
    if (isGone) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push({ text, done: resolve });
    wake();
    return promise;
  };
  let notes: readonly string[] = [];
  let progress: readonly string[] = [];
  const over = Promise.withResolvers<void>();
  const handle = around(async (request, response) => {
    const stage = new Stage(request, response, received);
    ({ notes, progress } = stage);
    const closed = new Promise<void>((done) => response.once('close', done));
    try {
      await sequence.run(stage);
    } catch (error) {
      stage.note('sequence threw', String(error));
      response.destroy();
    }
    await closed;
    over.resolve();
  });
  const server = createServer((request, response) => {
    if (request.url === '/next') response.end('next');
    else void handle(request, response);
  });
  server.on('checkContinue', (request, response) => void handle(request, response));
  await new Promise<void>((done) => server.listen(0, host, done));
  const socket = connect((server.address() as AddressInfo).port, host);
  const gone = new Promise<void>((done) => {
    socket.on('close', () => {
      isGone = true;
      for (const one of waiting) one.done();
      done();
    });
  });
  socket.on('error', () => {});
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => {
    bytes += piece;
    wake();
    if (sequence.leaveAfter !== undefined && bytes.includes(sequence.leaveAfter)) socket.destroy();
  });
  socket.write(requestOf(sequence, word));
  if (sequence.leaveAfter === '') void stageReached(() => notes.length > 0).then(() => socket.destroy());
  const timer = setTimeout(() => {
    notes = [...notes, 'hangs'];
    over.resolve();
    socket.destroy();
  }, patience);
  await Promise.all([over.promise, gone]);
  clearTimeout(timer);
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  const compared = withoutOurs(bytes);
  return {
    notes,
    progress,
    bytes: sequence.anyPieces === true && /chunked/.test(compared) ? inOnePiece(compared) : compared,
  };
}

async function stageReached(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise((done) => setImmediate(done));
}

function requestOf(
  { method = 'GET', version = '1.1', headers = [], pipelined = false }: Sequence,
  word: string,
): string {
  const lines = ['Host: app', ...headers, ...(word === '' ? [] : [`Limpet-Session: ${word}`])];
  const close = 'Connection: close\r\n\r\n';
  const first = `${method} / HTTP/${version}\r\n${lines.join('\r\n')}\r\n`;
  return pipelined ? `${first}\r\nGET /next HTTP/1.1\r\nHost: app\r\n${close}` : first + close;
}

/** The date is another each time, and the lines of a session are what a session adds. */
function withoutOurs(bytes: string): string {
  return bytes
    .replace(/^date: .*\r\n/gim, '')
    .replace(/^set-cookie: (?:sid|session)=.*\r\n/gim, '')
    .replace(/^cache-control: private\r\n/gim, '')
    .replace(/^limpet-session-\w+: .*\r\n/gim, '');
}

/** A chunked body without the chunks. */
function inOnePiece(bytes: string): string {
  let at = bytes.indexOf('\r\n\r\n') + 4;
  let whole = bytes.slice(0, at);
  for (let size = 1; size > 0; ) {
    const start = bytes.indexOf('\r\n', at) + 2;
    size = Number.parseInt(bytes.slice(at, start), 16) || 0;
    whole += bytes.slice(start, start + size);
    at = start + size + 2;
  }
  return whole;
}

function isSame({ abrupt = false }: Sequence, plain: Transcript, held: Transcript): boolean {
  const bytes = abrupt && plain.bytes.startsWith(held.bytes) ? plain.bytes : held.bytes;
  return JSON.stringify({ ...held, bytes }) === JSON.stringify(plain);
}

type App = ReturnType<typeof sessions>;

/** A handler whose session has changed by so many characters. */
function around(app: App, size: number): (work: Handler) => Handler {
  return (work) =>
    app.handle(async (request, response, session) => {
      if (size > 0) session.set('value', 'x'.repeat(size));
      await work(request, response);
    });
}

async function differencesOf(chosen: readonly Sequence[], balancer: TestBalancer): Promise<object[]> {
  const differences: object[] = [];
  const apps = Object.entries(variants).map(([name, { options, size }]) => {
    return { name, size, app: sessions({ onError: (error) => console.error(error), ...options }) };
  });
  for (const sequence of chosen) {
    const plain = await play(sequence, (work) => work, '');
    if (plain.notes.includes('hangs')) differences.push({ sequence: sequence.name, variant: 'plain', plain });
    for (const { name, size, app } of apps) {
      const word = app.strategy === 'sticky' ? balancer.word(randomBytes(16).toString('hex')) : '';
      const held = await play(sequence, around(app, size), word);
      if (!isSame(sequence, plain, held)) differences.push({ sequence: sequence.name, variant: name, plain, held });
    }
  }
  return differences;
}

/**
 * Nothing can be kept: the client gets a whole 503 or a broken connection, and no sequence hangs. Where the app itself answers that
 * it has failed there is nothing to keep, and its own answer goes out.
 */
async function successesOf(chosen: readonly Sequence[], balancer: TestBalancer): Promise<object[]> {
  const successes: object[] = [];
  balancer.storeFails = true;
  const app = sessions({ strategy: 'sticky', onError: () => {} });
  for (const sequence of chosen) {
    const got = await play(sequence, around(app, large), balancer.word(randomBytes(16).toString('hex')));
    const answer = got.bytes.replace(/^(?:HTTP\/1\.1 1\d\d .*\r\n(?:.+\r\n)*\r\n)+/, '');
    const isFailure = sequence.name.includes(', 503, ') && answer.startsWith('HTTP/1.1 503 ');
    if (got.notes.includes('hangs') || !(answer === '' || isFailure || isRefusal(sequence, answer)))
      successes.push({ ...got, sequence });
  }
  return successes;
}

function isRefusal({ method, pipelined = false }: Sequence, answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n') + 4;
  const head = answer.slice(0, end);
  const length = method === 'HEAD' ? 0 : Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]);
  const isOurs = head.startsWith('HTTP/1.1 503 ') && /^limpet-reason: session-store\r$/im.test(head);
  const rest = answer.slice(end + length);
  const isWhole = answer.length >= end + length && !Number.isNaN(length);
  return isOurs && isWhole && !/^transfer-encoding/im.test(head) && (pipelined ? rest.endsWith('next') : rest === '');
}

async function main(): Promise<void> {
  const chosen = sequences.filter(({ name }) => name.includes(process.argv[2] ?? ''));
  const balancer = await TestBalancer.start({ servers: [1] });
  const differences = await differencesOf(chosen, balancer);
  const successes = await successesOf(chosen, balancer);
  const ways = Object.keys(variants).length;
  console.log(JSON.stringify({ sequences: chosen.length, variants: ways, differences, successes }));
  process.exit();
}

void main();
