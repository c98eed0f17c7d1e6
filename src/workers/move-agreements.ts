/**
 * Asks the other balancers before a session leaves an owner that is up: none may have a request of it running there, because what that
 * changes would be refused as that of a former owner.
 *
 *      intent in the store ─> question to all ─> each: nothing runs, and before the next request I ask the store ─> claim
 *                                   └──────────> one has a request running, or does not answer in time: the session stays
 *
 * A balancer that asks the store about the session meanwhile takes the intent back (redis-scripts.ts, `read`), and the claim is refused.
 */
import { randomBytes } from 'node:crypto';
import { tableKeyOf } from '../ownership/session-id.ts';
import type { ClaimDetails, ClaimResult, SessionKey, Store } from '../store/store.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import { type Clock, type Timers, unixSeconds } from '../time/clock.ts';

export interface MoveAgreementsDependencies {
  /** Id of this node. */
  readonly node: string;
  /** Ids of the other nodes that are there. */
  readonly others: () => readonly string[];
  readonly table: SessionTable;
  readonly store: Pick<Store, 'claim'>;
  /** Sends a message to all nodes, this one included. */
  readonly publish: (message: string) => Promise<void>;
  /** Notes in the store that a session is to be moved. False: it is over, or nothing is known of it. */
  readonly intend: (key: SessionKey, intent: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** How long the answers are waited for (ms). */
const answerTimeoutMs = 500;

/** On the channel: `? NODE NUMBER ID` asks, `+ NODE NUMBER` and `- NODE NUMBER` answer. */
interface Message {
  readonly kind: 'question' | 'free' | 'busy';
  readonly from: string;
  /** Of the question. */
  readonly number: string;
  /** Of the session; '' in an answer. */
  readonly id: string;
}

const marks = { '?': 'question', '+': 'free', '-': 'busy' } as const;

interface Question {
  readonly missing: Set<string>;
  readonly decide: (isFree: boolean) => void;
}

const held: ClaimResult = { state: 'held' };

export class MoveAgreements {
  private readonly deps: MoveAgreementsDependencies;
  private readonly questions = new Map<string, Question>();
  private readonly entry = new Entry();

  constructor(deps: MoveAgreementsDependencies) {
    this.deps = deps;
  }

  /** `Store.claim`, after all nodes have agreed where `intent` says that the owner is up. */
  async claim(
    key: SessionKey,
    epoch: number,
    owner: number,
    ttl: number,
    details: ClaimDetails = {},
  ): Promise<ClaimResult> {
    const { store, intend } = this.deps;
    const { intent = '' } = details;
    if (intent === '') return store.claim(key, epoch, owner, ttl, details);
    const number = randomBytes(8).toString('hex');
    const isFree = (await intend(key, number)) && (await this.query(key, number));
    return isFree ? store.claim(key, epoch, owner, ttl, { ...details, intent: number }) : held;
  }

  /** A message of any node has come. What is none is ignored. */
  onMessage(text: string): void {
    const message = read(text);
    if (message === null || message.from === this.deps.node) return;
    if (message.kind === 'question') this.send(this.release(message.id) ? '+' : '-', message.number);
    else this.onAnswer(message);
  }

  private query({ id }: SessionKey, number: string): Promise<boolean> {
    const { others, timers } = this.deps;
    const missing = new Set(others());
    if (missing.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const decide = (isFree: boolean): void => {
        cancel();
        this.questions.delete(number);
        resolve(isFree);
      };
      const cancel = timers.after(answerTimeoutMs, () => decide(false));
      this.questions.set(number, { missing, decide });
      this.send('?', `${number} ${id}`);
    });
  }

  private onAnswer({ kind, from, number }: Message): void {
    const question = this.questions.get(number);
    if (question === undefined) return;
    question.missing.delete(from);
    if (kind === 'busy' || question.missing.size === 0) question.decide(kind === 'free');
  }

  /** True: no request of the session runs here, and the next one asks the store first. */
  private release(id: string): boolean {
    const { table, clock } = this.deps;
    const now = unixSeconds(clock);
    const key = tableKeyOf(id);
    // Doubted first: a request that begins between the two steps asks as well, or is counted.
    table.doubt(key, now);
    return table.find(key, now, this.entry) !== 'live' || this.entry.inflight === 0;
  }

  private send(mark: keyof typeof marks, words: string): void {
    // Who gets no answer does without the move.
    this.deps.publish(`${mark} ${this.deps.node} ${words}`).catch(() => {});
  }
}

/** null: it is none. */
function read(text: string): Message | null {
  const [, mark, from = '', number = '', id = ''] = messageForm.exec(text) ?? [];
  if (mark !== '?' && mark !== '+' && mark !== '-') return null;
  return (id !== '') === (mark === '?') ? { kind: marks[mark], from, number, id } : null;
}

const messageForm = /^([?+-]) ([0-9a-f]{8}) ([0-9a-f]{16})(?: ([0-9a-f]{32}))?$/;
