/** What an operator can do, and what is said before and after it. */
import { signal } from '@preact/signals';
import type { ServerView } from '../api/types.ts';
import { client, refreshSoon } from './store.ts';

export interface Confirmation {
  readonly title: string;
  readonly lines: readonly string[];
  readonly verb: string;
  /** Something may be lost. */
  readonly isDangerous: boolean;
  readonly run: () => Promise<string>;
}

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

/** The question that is open; null: none. */
export const asked = signal<Confirmation | null>(null);
export const notices = signal<readonly Notice[]>([]);

let noticeId = 0;
const noticeMs = 6_000;

export function notify(text: string, isError = false): void {
  const notice = { id: ++noticeId, text, isError };
  notices.value = [...notices.value.slice(-2), notice];
  setTimeout(() => {
    notices.value = notices.value.filter(({ id }) => id !== notice.id);
  }, noticeMs);
}

export async function confirm(question: Confirmation): Promise<void> {
  asked.value = null;
  try {
    notify(await question.run());
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), true);
  }
  refreshSoon();
}

export type ServerAction = 'drain' | 'ready' | 'down';

export function askServer(server: ServerView, action: ServerAction): void {
  const name = `${server.pool}/${server.name}`;
  const { copied, uncopied } = server.sessions;
  const lines: Record<ServerAction, string[]> = {
    drain: [
      'It gets no new sessions from now on.',
      copied > 0 ? `${count(copied, 'session')} with a copy will move with their next request.` : '',
      uncopied > 0 ? `${count(uncopied, 'session')} without a copy will stay until they end.` : '',
    ],
    ready: ['It gets new sessions again.'],
    down: [
      'It gets no requests at all from now on.',
      copied > 0 ? `${count(copied, 'session')} with a copy will be rescued by other servers.` : '',
      uncopied > 0 ? `${count(uncopied, 'session')} without a copy will be lost.` : '',
      server.inflight > 0 ? `${count(server.inflight, 'exchange')} under way.` : '',
    ],
  };
  const verbs: Record<ServerAction, string> = { drain: 'Drain', ready: 'Make ready', down: 'Take down' };
  const done: Record<ServerAction, string> = { drain: 'draining', ready: 'ready', down: 'down' };
  asked.value = {
    title: `${verbs[action]}: ${name}?`,
    lines: lines[action].filter((line) => line !== ''),
    verb: verbs[action],
    isDangerous: action === 'down',
    run: async () => {
      await client.send('PATCH', pathOf(server), { state: action });
      return `${name}: ${done[action]}`;
    },
  };
}

export async function setWeight(server: ServerView, weight: number): Promise<void> {
  try {
    await client.send('PATCH', pathOf(server), { weight });
    notify(`${server.pool}/${server.name}: weight ${weight}`);
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), true);
  }
  refreshSoon();
}

export function askMove(pool: string, session: string, to: string, done: () => void): void {
  asked.value = {
    title: `Move the session to ${to}?`,
    lines: [`${to} will own it, and restores its state from the copy with the next request.`],
    verb: 'Move',
    isDangerous: false,
    run: async () => {
      await client.send('POST', '/v1/sessions/move', { pool, session, to });
      done();
      return `The session moves to ${pool}/${to}`;
    },
  };
}

export function askEnd(pool: string, session: string, done: () => void): void {
  asked.value = {
    title: 'End the session?',
    lines: ['Its state and its copy are removed. The user has to begin anew, for instance to sign in again.'],
    verb: 'End it',
    isDangerous: true,
    run: async () => {
      await client.send('POST', '/v1/sessions/end', { pool, session });
      done();
      return 'The session has ended';
    },
  };
}

function pathOf({ pool, name }: ServerView): string {
  return `/v1/servers/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
}

export function count(many: number, what: string): string {
  return `${many.toLocaleString('en')} ${what}${many === 1 ? '' : 's'}`;
}
