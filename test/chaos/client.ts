/**
 * One client: signs in, adds to its cart, counts, reads, fills its state, changes its id, signs out, begins anew; often
 * several requests at once, some of which the server answers late. Keeps its cookies as a browser does, and the cookies of
 * dead ids as a thief, who tries them once more when the balancer may have forgotten that they are dead.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, isDeletion, parseSetCookie, type Reply, type SetCookie } from '../support/peers.ts';
import { describe } from './checker.ts';
import type { History, Kind, Operation, Seen } from './history.ts';
import type { Random } from './random.ts';
import { tombstoneSeconds } from './stage.ts';
import type { Traffic } from './traffic.ts';

export interface ClientSetup {
  readonly name: string;
  /** The balancers: each request goes to one of them, by chance. */
  readonly nodes: readonly { readonly name: string; readonly port: number }[];
  readonly random: Random;
  readonly traffic: Traffic;
  /** What it does not do. */
  readonly without: readonly StepName[];
  /** Every session that is over, or that the run has ended. */
  readonly onHistory: (history: History) => void;
  readonly onOperation: (operation: Operation) => void;
}

/** What is done next, by how often. */
const steps = {
  add: 30,
  count: 18,
  read: 25,
  fill: 8,
  several: 12,
  rotate: 3,
  'rotate and add': 1.5,
  'sign-out': 1.5,
  ghost: 4,
  /** Each alone: neither may leave anything behind. */
  throw: 3,
  overfill: 2,
};
export type StepName = keyof typeof steps;
export const stepNames = Object.keys(steps) as StepName[];
/** An operation without an answer for so long (ms) has failed. */
const patience = 8000;
/** A session ends at so many operations: its whole cart is in every answer. */
const longest = 80;
/** After a failure, so that a balancer that is away is not asked thousands of times. */
const failurePause = 300;
/** Bytes of a state: half of them ride along with the answer (3,072 at most), the others take the store interface. */
const sizes = [10, 300, 2500, 3072, 3600, 8000, 30_000] as const;
/** More than the app allows. */
const tooLarge = 100_000;
/** After its end an id is tried again when its tombstone is gone (ms): from the table, and from the app's own list. */
const graveAges = [(tombstoneSeconds + 2) * 1000, 65_000] as const;
/** Beyond it the oldest are forgotten. */
const mostGraves = 30;

/** The cookies of a dead id. */
interface Grave {
  readonly user: string;
  /** As they are sent. */
  readonly cookie: string;
  /** All that its session had been asked. */
  readonly earlier: readonly Operation[];
  /** When it is tried next. */
  due: number;
  tried: number;
}

export class Client {
  private readonly setup: ClientSetup;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });
  private history: History = { user: '', operations: [] };
  private readonly jar = new Map<string, string>();
  /** The session was found empty: nothing more can be done with it. */
  private isOver = false;
  /** Of ids that are dead. */
  private ghosts: string[] = [];
  /** Of earlier sessions, the next due first. */
  private graves: Grave[] = [];
  private sessions = 0;
  private operations = 0;
  private readonly steps: Readonly<Record<StepName, number>>;

  constructor(setup: ClientSetup) {
    this.setup = setup;
    const chosen = Object.entries(steps).filter(([name]) => !setup.without.includes(name as StepName));
    this.steps = Object.fromEntries(chosen) as Record<StepName, number>;
    setup.traffic.onProbe(async () => {
      if (this.cookie !== '' && !this.isOver) await this.ask('read', this.cookie, { isProbe: true });
    });
  }

  /** The present cookies, as they are sent; '' none. */
  private get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async run(stopped: AbortSignal): Promise<void> {
    const { random } = this.setup;
    while (!stopped.aborted) {
      await sleep(random.between(0, 120));
      await this.visitGrave(performance.now());
      if (this.cookie === '') await this.begin();
      else if (this.setup.traffic.signOuts && random.next() < 0.3) await this.end();
      else await this.step();
      if (this.isOver) this.close();
      else if (this.history.operations.length >= longest) await this.end();
    }
  }

  /** After everything is whole again: what became of the present session. Answers why that could not be asked; '' it could. */
  async finish(deadline: number): Promise<string> {
    let last: Operation | null = null;
    if (this.cookie !== '') {
      do last = await this.do('read');
      while (last.seen === null && performance.now() < deadline);
    }
    const why = last === null || last.seen !== null ? '' : describe(last);
    this.close();
    this.agent.destroy();
    return why;
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
    const what = random.weighted(this.steps);
    switch (what) {
      case 'several':
        await Promise.all([this.do('add', { wait: this.late() }), this.few(0), this.few(500)]);
        return;
      case 'rotate':
        return this.rotate();
      case 'rotate and add':
        await Promise.all([
          this.do('add', { wait: this.late() }),
          sleep(random.between(0, 300)).then(() => this.rotate()),
        ]);
        return;
      case 'fill':
        // No two of a session alike, so that an answer shows which one it was.
        await this.do('fill', { size: random.of(sizes) + (this.operations % 100) });
        return;
      case 'overfill':
        await this.do('overfill', { size: tooLarge + this.operations });
        return;
      case 'sign-out':
        return this.end();
      case 'ghost':
        if (this.ghosts.length > 0) {
          await this.ask(random.of(['read', 'add'] as const), random.of(this.ghosts), { isGhost: true });
        }
        return;
      default:
        await this.do(what, { wait: random.next() < 0.1 ? this.late() : 0 });
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
    const late = random.next() < 0.5 ? this.do('add', { wait: this.late() }) : null;
    await sleep(random.between(0, 500));
    let isDead = false;
    for (let tries = 0; tries < 50 && !isDead; tries++) isDead = (await this.ask('sign-out', cookie)).seen !== null;
    await late;
    if (isDead) this.ghosts.push(cookie);
    const { user, operations: earlier } = this.history;
    for (const ghost of this.ghosts) {
      await this.ask(random.of(['read', 'add'] as const), ghost, { isGhost: true });
      this.graves.push({ user, cookie: ghost, earlier, due: performance.now() + graveAges[0], tried: 0 });
    }
    this.graves.splice(0, this.graves.length - mostGraves);
    this.close();
  }

  /** A dead id of an earlier session; a history of its own, for the session's has been judged. */
  private async visitGrave(now: number): Promise<void> {
    const at = this.graves.findIndex(({ due }) => due <= now);
    const grave = this.graves[at];
    if (grave === undefined) return;
    const { user, cookie, earlier } = grave;
    const history: History = { user, operations: [], earlier };
    const { seen } = await this.ask('read', cookie, { isGhost: true, history });
    this.setup.onHistory(history);
    // Again until it is answered, and then once more later.
    if (seen === null) return;
    const later = graveAges[++grave.tried];
    if (later === undefined) this.graves.splice(at, 1);
    else grave.due += later - graveAges[grave.tried - 1]!;
  }

  private close(): void {
    if (this.history.operations.length > 0) this.setup.onHistory(this.history);
    this.history = { user: '', operations: [] };
    this.jar.clear();
    this.isOver = false;
  }

  /** With the present cookies. */
  private do(kind: Kind, how: How = {}): Promise<Operation> {
    return this.ask(kind, this.cookie, how);
  }

  private async ask(kind: Kind, cookie: string, how: How = {}): Promise<Operation> {
    const { traffic } = this.setup;
    const { isGhost = false, isProbe = false, history = this.history, size = 0 } = how;
    if (!isProbe) await traffic.enter();
    const id = `${history.user}.${++this.operations}`;
    const node = this.setup.random.of(this.setup.nodes);
    const start = performance.now();
    const { seen, why, cookies } = await this.send(node.port, kind, id, history.user, cookie, how);
    const operation = { kind, id, start, end: performance.now(), isGhost, size, node: node.name, seen, why };
    history.operations.push(operation);
    this.setup.onOperation(operation);
    // What was asked with cookies that are not the present ones any more says nothing of the session.
    const isPresent = cookie === this.cookie;
    // As a browser: the cookie that came last. An id that is dead is not a browser's.
    const isOurs = !isGhost && kind !== 'sign-out' && history === this.history;
    if (isOurs) this.keep(cookies);
    if (isOurs && isPresent && seen?.user === '') this.isOver = true;
    if (!isProbe) traffic.leave();
    if (seen === null) await sleep(this.setup.random.between(0, failurePause));
    return operation;
  }

  private keep(cookies: readonly SetCookie[]): void {
    for (const { name, value, attributes } of cookies) {
      if (isDeletion(attributes)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
  }

  private async send(port: number, kind: Kind, op: string, user: string, cookie: string, how: How): Promise<Answer> {
    const { wait = 0, size = 0 } = how;
    const path = `${kind === 'read' ? '' : kind}?op=${op}&user=${user}&wait=${wait}&size=${size}`;
    let reply: Reply;
    try {
      reply = await ask(`http://127.0.0.1:${port}/${path}`, {
        method: kind === 'read' ? 'GET' : 'POST',
        agent: this.agent,
        headers: cookie === '' ? {} : { cookie },
        signal: AbortSignal.timeout(patience),
      });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { seen: null, why: code ?? message, cookies: [] };
    }
    const { status, headers, body, setCookies } = reply;
    const cookies = setCookies.map(parseSetCookie);
    if (status !== 200) return { seen: null, why: `${status} ${headers['limpet-reason'] ?? ''}`.trim(), cookies };
    return { seen: JSON.parse(body) as Seen, why: '', cookies };
  }
}

interface How {
  readonly isGhost?: boolean;
  /** Also while the traffic stands still. */
  readonly isProbe?: boolean;
  /** Default: the present one. */
  readonly history?: History;
  /** Milliseconds until the server answers. */
  readonly wait?: number;
  readonly size?: number;
}

interface Answer {
  readonly seen: Seen | null;
  readonly why: string;
  readonly cookies: readonly SetCookie[];
}
