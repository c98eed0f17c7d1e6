/** What an app does with sessions apart from any request of theirs, by paths that need none: `/job/...?id=` or `?user=`. */
import { createHash } from 'node:crypto';
import type { Session, UserSession } from '../../../src/session/index.ts';
import type { Reply } from './acts.ts';

/** What all adapters' sessions have for it. */
export interface Outside {
  open(id: string): Promise<Session | null>;
  destroy(id: string): Promise<void>;
  all(): AsyncIterable<Session>;
  listSessions(user: string): Promise<readonly UserSession[]>;
  destroySessions(user: string, which?: { except?: Session | string; only?: string }): Promise<number>;
}

/** null: not such a path. */
export async function job(url: URL, app: Outside): Promise<Reply | null> {
  if (!url.pathname.startsWith('/job/')) return null;
  const ask = (name: string) => url.searchParams.get(name) ?? '';
  const value = await run(url.pathname.slice('/job/'.length), ask, app).catch((error) => ({
    error: Object(error).code ?? Object(error).message,
  }));
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value ?? null) };
}

async function run(what: string, ask: (name: string) => string, app: Outside): Promise<unknown> {
  switch (what) {
    case 'list':
      return app.listSessions(ask('user'));
    case 'end': {
      const [except, only] = [ask('except'), ask('only')];
      return app.destroySessions(ask('user'), { ...(except !== '' && { except }), ...(only !== '' && { only }) });
    }
    case 'all': {
      const found: unknown[] = [];
      for await (const { id } of app.all()) found.push(id);
      return found;
    }
    case 'destroy':
      return app.destroy(ask('id'));
    case 'open': {
      const session = await app.open(ask('id'));
      return session && { user: session.user, label: session.label, data: session.data, epoch: session.epoch };
    }
    case 'change': {
      const session = await app.open(ask('id'));
      if (session === null) return null;
      session.set(ask('name'), ask('value'));
      await session.save();
      return 'kept';
    }
    case 'update': {
      const session = await app.open(ask('id'));
      return session?.update((data) => void (data.updated = true)).then(() => 'updated');
    }
    default:
      return 'no such job';
  }
}

/** As `session.user` reads. */
export function hashOf(user: string): string {
  return createHash('sha256').update(`limpet user ${user}`).digest('hex').slice(0, 32);
}
