/** What `limpet top` knows and where its user is: figures and keys go in, and what is to be asked of the balancer comes out. */

import type { ServerView, Status } from '../../admin/schemas.ts';
import { nameOf } from '../server-words.ts';

/** The parts of the admin API's answers that are shown. */
export type TopStatus = Pick<Status, 'version' | 'runtime' | 'startedAt' | 'counters' | 'sessions'> & {
  readonly workers: readonly unknown[];
  readonly store: { readonly kind: string } | null;
};

export type TopServer = Pick<
  ServerView,
  | 'pool'
  | 'name'
  | 'address'
  | 'state'
  | 'drained'
  | 'weight'
  | 'inflight'
  | 'streams'
  | 'tunnels'
  | 'sessions'
  | 'since'
  | 'reason'
>;

export type TopAction = 'drain' | 'ready';

export type TopEffect =
  | { readonly kind: 'quit' }
  | { readonly kind: 'change'; readonly server: TopServer; readonly action: TopAction };

export interface TopQuestion {
  readonly server: TopServer;
  readonly action: TopAction;
}

const sorts = ['name', 'sessions', 'in flight', 'state'] as const;
export type TopSort = (typeof sorts)[number];

const mostMessages = 50;
const stateOrder = { down: 0, draining: 1, up: 2 } as const;
const byNumber = new Intl.Collator('en', { numeric: true });

/** Per second, by counter. */
const rated = ['requests', 'responses_5xx', 'sessions_moved', 'rebinds', 'retries'] as const;
export type TopRate = (typeof rated)[number];

export class TopModel {
  status: TopStatus | null = null;
  /** null: the second answer has not come yet. */
  rates: Readonly<Record<TopRate, number>> | null = null;
  /** '': the balancer answers. */
  trouble = '';
  sort: TopSort = 'name';
  filter = '';
  isTyping = false;
  question: TopQuestion | null = null;
  /** Newest last, each with its time. */
  readonly messages: string[] = [];
  private servers: readonly TopServer[] = [];
  private selected = '';
  private answeredAt = 0;

  /** `now`: milliseconds since the epoch. */
  update(status: TopStatus, servers: readonly TopServer[], now: number): void {
    const before = this.status;
    const seconds = (now - this.answeredAt) / 1000;
    if (before !== null && seconds > 0) {
      const rate = (name: TopRate) =>
        Math.max(0, (status.counters[name] ?? 0) - (before.counters[name] ?? 0)) / seconds;
      this.rates = Object.fromEntries(rated.map((name) => [name, rate(name)])) as Record<TopRate, number>;
      this.reportChanges(servers, now);
    }
    this.answeredAt = now;
    this.status = status;
    this.servers = servers;
    this.trouble = '';
  }

  /** The servers that the filter leaves, in order. */
  shown(): TopServer[] {
    const wanted = this.filter.toLowerCase();
    const differences: Record<TopSort, (a: TopServer, b: TopServer) => number> = {
      name: () => 0,
      sessions: (a, b) => b.sessions.live - a.sessions.live,
      'in flight': (a, b) => b.inflight - a.inflight,
      state: (a, b) => stateOrder[a.state] - stateOrder[b.state],
    };
    const difference = differences[this.sort];
    return this.servers
      .filter((server) => `${nameOf(server)} ${server.address}`.toLowerCase().includes(wanted))
      .sort((a, b) => difference(a, b) || byNumber.compare(nameOf(a), nameOf(b)));
  }

  /** Position of the selected server among the shown ones; the first, when it is not among them. */
  selection(shown: readonly TopServer[]): number {
    return Math.max(
      0,
      shown.findIndex((server) => nameOf(server) === this.selected),
    );
  }

  say(text: string, now: number): void {
    this.messages.push(`${new Date(now).toTimeString().slice(0, 8)}  ${text}`);
    if (this.messages.length > mostMessages) this.messages.shift();
  }

  /** `name`: as node:readline names keys. `text`: what the key types. `page`: rows that are seen at once. */
  press(name: string, text: string, page: number): TopEffect | null {
    if (this.question !== null) return this.answer(this.question, text);
    if (this.isTyping) {
      this.type(name, text);
      return null;
    }
    const shown = this.shown();
    const at = this.selection(shown);
    const step = new Map([
      ['down', at + 1],
      ['j', at + 1],
      ['up', at - 1],
      ['k', at - 1],
      ['pagedown', at + page],
      ['pageup', at - page],
      ['home', 0],
      ['end', shown.length - 1],
    ]).get(name);
    if (step !== undefined) this.select(shown, step);
    else if (name === 'q') return { kind: 'quit' };
    else if (name === 's') this.sort = sorts[(sorts.indexOf(this.sort) + 1) % sorts.length] ?? 'name';
    else if (text === '/') this.isTyping = true;
    else if (name === 'escape') this.filter = '';
    else if (name === 'd' || name === 'r') this.prompt(shown[at], name === 'd' ? 'drain' : 'ready');
    return null;
  }

  private select(shown: readonly TopServer[], index: number): void {
    const server = shown[Math.max(0, Math.min(shown.length - 1, index))];
    if (server !== undefined) this.selected = nameOf(server);
  }

  /** It stays selected, whatever the order becomes while the question is open. */
  private prompt(server: TopServer | undefined, action: TopAction): void {
    if (server === undefined) return;
    this.selected = nameOf(server);
    this.question = { server, action };
  }

  private answer({ server, action }: TopQuestion, text: string): TopEffect | null {
    this.question = null;
    return text === 'y' || text === 'Y' ? { kind: 'change', server, action } : null;
  }

  private type(name: string, text: string): void {
    if (name === 'return' || name === 'escape') this.isTyping = false;
    if (name === 'escape') this.filter = '';
    else if (name === 'backspace') this.filter = this.filter.slice(0, -1);
    else if (/^[\x21-\x7e]$/.test(text)) this.filter += text;
  }

  private reportChanges(servers: readonly TopServer[], now: number): void {
    const former = new Map(this.servers.map((server) => [nameOf(server), server]));
    for (const server of servers) {
      const before = former.get(nameOf(server));
      former.delete(nameOf(server));
      if (before === undefined) this.say(`${nameOf(server)} was added`, now);
      else if (before.state !== server.state) {
        const why =
          server.state === 'down' && server.reason !== null && server.reason !== '' ? `: ${server.reason}` : '';
        this.say(`${nameOf(server)} is ${server.state}${why}`, now);
      }
    }
    for (const name of former.keys()) this.say(`${name} was removed`, now);
  }
}
