/**
 * One client: signs in, adds to its cart, counts, reads, changes its id, signs out, begins anew; often several requests at
 * once, some of which the server answers late. Keeps its cookie as a browser does, and the cookies of dead ids as a thief.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, parseSetCookie, type Reply } from '../support/peers.ts';
import type { History, Kind, Operation, Seen } from './history.ts';
import type { Random } from './random.ts';

export interface ClientSetup {
  readonly name: string;
  readonly port: number;
  readonly random: Random;
  /** Every session that is over, or that the run has ended. */
  readonly onHistory: (history: History) => void;
  readonly onOperation: (operation: Operation) => void;
}

/** What is done next, by how often. */
const steps = {
  add: 30,
  count: 18,
  read: 25,
  several: 12,
  rotate: 3,
  'rotate and add': 1.5,
  'sign-out': 1.5,
  ghost: 4,
};
/** An operation without an answer for so long (ms) has failed. */
const patience = 8000;
/** A session ends at so many operations: its whole cart is in every answer. */
const longest = 80;
/** After a failure, so that a balancer that is away is not asked thousands of times. */
const failurePause = 300;

export class Client {
  private readonly setup: ClientSetup;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });
  private history: History = { user: '', operations: [] };
  private cookie = '';
  /** The session was found empty: nothing more can be done with it. */
  private isOver = false;
  /** Of ids that are dead. */
  private ghosts: string[] = [];
  private sessions = 0;
  private operations = 0;

  constructor(setup: ClientSetup) {
    this.setup = setup;
  }

  async run(stopped: AbortSignal): Promise<void> {
    const { random } = this.setup;
    while (!stopped.aborted) {
      await sleep(random.between(0, 120));
      if (this.cookie === '') await this.begin();
      else await this.step();
      if (this.isOver) this.close();
      else if (this.history.operations.length >= longest) await this.end();
    }
  }

  /** After everything is whole again: what became of the present session. Answers whether that could be asked. */
  async finish(deadline: number): Promise<boolean> {
    let answered = this.cookie === '';
    while (!answered && performance.now() < deadline) answered = (await this.do('read')).seen !== null;
    this.close();
    this.agent.destroy();
    return answered;
  }

  /** Alone, until it has been answered: a session begins with its cookie. */
  private async begin(): Promise<void> {
    const user = `${this.setup.name}s${++this.sessions}`;
    this.history = { user, operations: [] };
    this.ghosts = [];
    await this.do('sign-in');
  }

  private async step(): Promise<void> {
    const { random } = this.setup;
    const what = random.weighted(steps);
    switch (what) {
      case 'several':
        await Promise.all([this.do('add', this.late()), this.few(0), this.few(500)]);
        return;
      case 'rotate':
        return this.rotate();
      case 'rotate and add':
        await Promise.all([this.do('add', this.late()), sleep(random.between(0, 300)).then(() => this.rotate())]);
        return;
      case 'sign-out':
        return this.end();
      case 'ghost':
        if (this.ghosts.length > 0) await this.ask(random.of(['read', 'add'] as const), random.of(this.ghosts), true);
        return;
      default:
        await this.do(what, random.next() < 0.1 ? this.late() : 0);
    }
  }

  /** Some requests one after the other, up to `pause` ms between them: of the session, while something else of it runs. */
  private async few(pause: number): Promise<void> {
    const { random } = this.setup;
    for (let left = 1 + Math.floor(random.next() * 4); left > 0; left--) {
      await this.do(random.of(['add', 'count', 'read'] as const));
      await sleep(random.between(0, pause));
    }
  }

  private late(): number {
    return Math.round(this.setup.random.between(0, 2500));
  }

  private async rotate(): Promise<void> {
    const before = this.cookie;
    const { seen } = await this.do('rotate');
    if (seen !== null) this.ghosts.push(before);
  }

  /** Often while an add is under way. Asked again until it is answered: after that nothing may be left of the session. */
  private async end(): Promise<void> {
    const { random } = this.setup;
    const { cookie } = this;
    const late = random.next() < 0.5 ? this.do('add', this.late()) : null;
    await sleep(random.between(0, 500));
    let isDead = false;
    for (let tries = 0; tries < 50 && !isDead; tries++) isDead = (await this.ask('sign-out', cookie)).seen !== null;
    await late;
    if (isDead) this.ghosts.push(cookie);
    for (const ghost of this.ghosts) await this.ask(random.of(['read', 'add'] as const), ghost, true);
    this.close();
  }

  private close(): void {
    if (this.history.operations.length > 0) this.setup.onHistory(this.history);
    this.history = { user: '', operations: [] };
    this.cookie = '';
    this.isOver = false;
  }

  /** With the present cookie. */
  private do(kind: Kind, wait = 0): Promise<Operation> {
    return this.ask(kind, this.cookie, false, wait);
  }

  private async ask(kind: Kind, cookie: string, isGhost = false, wait = 0): Promise<Operation> {
    const { history } = this;
    const id = `${history.user}.${++this.operations}`;
    const start = performance.now();
    const answer = await this.send(kind, id, cookie, wait);
    const operation = { kind, id, start, end: performance.now(), isGhost, seen: answer.seen, why: answer.why };
    history.operations.push(operation);
    this.setup.onOperation(operation);
    // What was asked with a cookie that is not the present one any more says nothing of the session.
    const isPresent = cookie === this.cookie;
    // As a browser: the cookie that came last. An id that is dead is not a browser's.
    const isOurs = !isGhost && kind !== 'sign-out' && history === this.history;
    if (isOurs && answer.cookie !== undefined) this.cookie = answer.cookie;
    if (isOurs && isPresent && answer.seen?.user === '') this.isOver = true;
    if (answer.seen === null) await sleep(this.setup.random.between(0, failurePause));
    return operation;
  }

  private async send(kind: Kind, op: string, cookie: string, wait: number): Promise<Answer> {
    const { user } = this.history;
    const path = kind === 'read' ? `?wait=${wait}` : `${kind}?op=${op}&user=${user}&wait=${wait}`;
    let reply: Reply;
    try {
      reply = await ask(`http://127.0.0.1:${this.setup.port}/${path}`, {
        method: kind === 'read' ? 'GET' : 'POST',
        agent: this.agent,
        headers: cookie === '' ? {} : { cookie: `limpet=${cookie}` },
        signal: AbortSignal.timeout(patience),
      });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { seen: null, why: code ?? message };
    }
    const { status, headers, body, setCookies } = reply;
    if (status !== 200) return { seen: null, why: `${status} ${headers['limpet-reason'] ?? ''}`.trim() };
    const set = setCookies.map(parseSetCookie).find(({ name }) => name === 'limpet');
    return { seen: JSON.parse(body) as Seen, why: '', cookie: set?.value };
  }
}

interface Answer {
  readonly seen: Seen | null;
  readonly why: string;
  readonly cookie?: string | undefined;
}
