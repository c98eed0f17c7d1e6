/**
 * A server that breaks HTTP by chance, from a seed: right answers, and among them bodies where none may be, wrong lengths, answers
 * too many or too early, cuts and resets, joined and split into writes as it happens. Every answer holds the id of the request
 * that has brought it about, so that whoever gets it can tell whose it is.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { type Message, readMessage } from '../support/raw.ts';
import type { Random } from './random.ts';

/**
 * What a server does beside right answers. bodiless: bodies behind HEAD, 204, 304, interim answers and empty bodies. ends: cuts,
 * resets, slow answers, no length, what is not HTTP. length: more or less than was said, and twice. unasked: answers when nobody
 * has asked, on a new connection or a while after the last one.
 */
export const themes = ['bodiless', 'ends', 'length', 'unasked'] as const;
export type Theme = (typeof themes)[number];

/** In a hundred requests, after so many at most that are answered right: then much is under way when the first goes wrong. */
const faultRate = 15;
const mostQuiet = 25;
/** A body that may not be there comes this long (ms) after its head at the latest, else it is left out: SECURITY.md. */
const promptTime = 60;
/** What is assumed there (ms). */
const assumedTime = 100;

const reset = Symbol('reset');
const close = Symbol('close');
/** Waits for so many requests anywhere, or for the time (ms). */
interface Pause {
  readonly requests: number;
  readonly time: number;
}
/** Left out when more than `promptTime` has passed since the step before the pause. */
interface Prompt {
  readonly late: string;
}
type Step = string | Pause | Prompt | typeof reset | typeof close;

/** Of all servers of one run: what one of them waits for may happen at another. */
export class Events {
  private seen = 0;
  private waiting: { readonly at: number; readonly run: () => void }[] = [];

  happened(): void {
    this.seen++;
    const due = this.waiting.filter(({ at }) => at <= this.seen);
    this.waiting = this.waiting.filter(({ at }) => at > this.seen);
    for (const { run } of due) run();
  }

  /** Once. */
  after({ requests, time }: Pause, run: () => void): void {
    const entry = { at: this.seen + requests, run: () => done() };
    const timer = setTimeout(() => done(), time);
    const done = (): void => {
      clearTimeout(timer);
      this.waiting = this.waiting.filter((one) => one !== entry);
      run();
    };
    this.waiting.push(entry);
  }
}

export class BrokenServer {
  readonly theme: Theme;
  /** Of its answers, by what was wrong with them. */
  readonly faults = new Map<string, number>();
  /** Of those bodies, that came later than is assumed: the machine was too busy. */
  get late(): number {
    return this.lateness.times;
  }

  private readonly lateness = { times: 0 };
  private readonly random: Random;
  private readonly events: Events;
  private quiet: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(theme: Theme, random: Random, events: Events) {
    this.theme = theme;
    this.random = random;
    this.events = events;
    this.quiet = random.below(mostQuiet);
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', () => done()));
    const bound = this.server.address();
    return `127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}`;
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((done) => this.server.close(() => done()));
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    const connection = new Connection(socket, this.random, this.events, this.lateness, (request) =>
      this.answer(request),
    );
    if (this.theme !== 'unasked' || !this.random.chance(10)) return;
    this.count('new');
    connection.say([unasked]);
  }

  private answer(request: Message): Step[] {
    const [method = '', target = ''] = request.line.split(' ');
    const id = /Q\d{4}-\d{4}/.exec(target)?.[0] ?? 'none';
    const conditional = request.headers.some(([name]) => name.toLowerCase() === 'if-none-match');
    if (--this.quiet < 0 && this.random.chance(faultRate)) {
      const steps = this.break(method, id, conditional);
      if (steps !== null) return steps;
    }
    if (method === 'HEAD') return [`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nContent-Length: 20\r\n\r\n`];
    if (conditional && this.random.chance(60)) return [`HTTP/1.1 304 Not Modified\r\nX-Id: ${id}\r\n\r\n`];
    if (method === 'POST' && this.random.chance(40)) return [`HTTP/1.1 204 No Content\r\nX-Id: ${id}\r\n\r\n`];
    return [right(id, this.random)];
  }

  /** What is wrong this time; null: nothing of this theme goes with that request. */
  private break(method: string, id: string, conditional: boolean): Step[] | null {
    const { random } = this;
    const body = `${id}.`.repeat(1 + random.below(20));
    const name = random.pick(kindsOf(this.theme, method, conditional));
    if (name === undefined) return null;
    this.count(name);
    const late = (head: string): Step[] => [
      head,
      ...(random.chance(50) ? [] : [{ requests: 1 + random.below(4), time: 20 }]),
      { late: poison(id, random) },
    ];
    switch (name) {
      case 'head':
        return late(`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nContent-Length: 20\r\n\r\n`);
      case '304':
        return late(`HTTP/1.1 304 Not Modified\r\nX-Id: ${id}\r\n\r\n`);
      case '204':
        return late(`HTTP/1.1 204 No Content\r\nX-Id: ${id}\r\n\r\n`);
      case 'empty':
        return late(`HTTP/1.1 302 Found\r\nX-Id: ${id}\r\nContent-Length: 0\r\n\r\n`);
      case 'interim':
        return [...late(`HTTP/1.1 103 Early Hints\r\nX-Id: ${id}\r\n\r\n`), right(id, random)];
      case 'reset':
        return [reset];
      case 'cut': {
        const whole = right(id, random);
        return [whole.slice(0, random.below(whole.length)), random.chance(50) ? reset : close];
      }
      case 'last':
        return [`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`];
      case 'slow':
        return [{ requests: 1 + random.below(30), time: random.pick([30, 70, 250]) }, right(id, random)];
      case 'drip': {
        const whole = right(id, random);
        const at = random.below(whole.length);
        return [whole.slice(0, at), { requests: 1 + random.below(30), time: 250 }, whole.slice(at)];
      }
      case 'no-length':
        return [`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\n\r\n${body}`];
      case 'no-chunks':
        return [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}\r\n`];
      case 'two-lengths':
        return [`HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`];
      case 'not-http':
        return [poison(id, random).replaceAll('HTTP/', 'FTP/')];
      case 'late':
        return [right(id, random), { requests: 1 + random.below(10), time: 30 }, unasked];
      case 'more':
        return [right(id, random) + poison(id, random)];
      case 'twice':
        return [right(id, random).repeat(2)];
      default: {
        const length = body.length + 1 + random.below(300);
        return [`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`];
      }
    }
  }

  private count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }
}

const ends = ['reset', 'cut', 'last', 'slow', 'drip', 'no-length', 'no-chunks', 'two-lengths', 'not-http'] as const;

function kindsOf(theme: Theme, method: string, conditional: boolean): readonly string[] {
  if (theme === 'ends') return method === 'HEAD' ? ['reset', 'last', 'slow'] : ends;
  if (theme === 'unasked') return method === 'HEAD' ? [] : ['late'];
  if (theme === 'length') return method === 'HEAD' ? [] : ['more', 'twice', 'less'];
  if (method === 'HEAD') return ['head'];
  return conditional ? ['304'] : ['204', '304', 'empty', 'interim'];
}

function right(id: string, random: Random): string {
  const body = `${id}.`.repeat(1 + random.below(random.chance(5) ? 3000 : 40));
  if (random.chance(60)) return `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const at = 1 + random.below(body.length - 1);
  const chunks = [body.slice(0, at), body.slice(at)].filter((piece) => piece !== '');
  const framed = chunks.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');
  return `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nTransfer-Encoding: chunked\r\n\r\n${framed}0\r\n\r\n`;
}

/** Bytes of the attacker's choice. */
function poison(id: string, random: Random): string {
  const response = `HTTP/1.1 200 OK\r\nX-Poison: ${id}\r\nContent-Length: 12\r\n\r\n${id}.!`;
  return random.pick([
    response,
    response,
    response.repeat(3),
    `HTTP/1.1 200 OK\r\nX-Poison: ${id}\r\nContent-Length: 500\r\n\r\n${id}`,
    `HTTP/1.1 200 OK\r\nX-Poison: ${id}\r\nX-Rest: `,
    `HTTP/1.1 204 No Content\r\nX-Poison: ${id}\r\n\r\n`,
    `<p>${id} is not found</p>`,
  ]);
}

/** It holds nobody's id. */
const unasked = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nnobody';

/** One connection: says its answers in order, however long each of them takes. */
class Connection {
  private readonly socket: Socket;
  private readonly random: Random;
  private readonly events: Events;
  private readonly lateness: { times: number };
  private received = Buffer.alloc(0);
  private steps: Step[] = [];
  private waiting = false;
  /** Before the write of the last bytes. */
  private saidAt = 0;

  constructor(
    socket: Socket,
    random: Random,
    events: Events,
    lateness: { times: number },
    answer: (request: Message) => Step[],
  ) {
    this.socket = socket;
    this.lateness = lateness;
    this.random = random;
    this.events = events;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      for (;;) {
        const request = readMessage(this.received, 0, 'framed', false);
        if (request === null) break;
        this.received = this.received.subarray(request.end);
        this.say(answer(request));
        this.events.happened();
      }
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  }

  say(steps: readonly Step[]): void {
    this.steps.push(...steps);
    if (!this.waiting) this.pump();
  }

  private pump(): void {
    let joined = '';
    let isLate = false;
    const write = (): void => {
      const before = this.saidAt;
      if (joined !== '') this.saidAt = performance.now();
      if (joined !== '' && this.socket.writable) this.socket.write(Buffer.from(joined, 'latin1'));
      if (isLate && performance.now() - before > assumedTime) this.lateness.times++;
      isLate = false;
      joined = '';
    };
    while (this.steps.length > 0 && !this.socket.destroyed) {
      const step = this.steps.shift()!;
      if (typeof step === 'string') {
        const at = this.random.chance(25) ? this.random.below(step.length) : 0;
        if (at > 0) {
          joined += step.slice(0, at);
          write();
          // What follows leaves in a write of its own.
          this.steps.unshift(step.slice(at));
          this.pause({ requests: 1, time: 1 });
          return;
        }
        joined += step;
      } else if (typeof step === 'symbol') {
        write();
        if (step === close) this.socket.end();
        else this.socket.resetAndDestroy();
        return;
      } else if ('late' in step) {
        const alone = joined === '';
        if (alone && performance.now() - this.saidAt > promptTime) continue;
        joined += step.late;
        isLate = alone;
      } else {
        write();
        this.pause(step);
        return;
      }
    }
    write();
  }

  private pause(pause: Pause): void {
    this.waiting = true;
    this.events.after(pause, () => {
      this.waiting = false;
      this.pump();
    });
  }
}
