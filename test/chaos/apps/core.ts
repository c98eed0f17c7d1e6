/** The app on the library's own API (`limpet/session`). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Session, sessions } from '../../../src/session/index.ts';
import type { Seen } from '../history.ts';
import { isAnswered, listen, options, type State, seenIn } from './program.ts';

interface Data {
  user?: string;
  cart?: string[];
  count?: number;
  filling?: string;
}

const app = sessions(options);

function stateOf(session: Session): State {
  const { user = '', cart = [], count = 0, filling = '' } = session.data as Data;
  return { user, cart, count, filling };
}

async function act(path: string, query: URLSearchParams, session: Session): Promise<Seen | null> {
  const data = session.data as Data;
  const op = query.get('op') ?? '';
  switch (path) {
    case '/':
      break;
    case '/sign-in':
      data.user = query.get('user') ?? '';
      await session.regenerate();
      break;
    case '/rotate':
      await session.regenerate();
      break;
    case '/add':
      data.cart ??= [];
      data.cart.push(op);
      break;
    case '/throw':
      data.cart ??= [];
      data.cart.push(op);
      throw new Error('as it was asked');
    case '/fill':
    case '/overfill':
      data.filling = 'x'.repeat(Number(query.get('size')));
      break;
    case '/count':
      await session.update(async (data: Data) => {
        const before = data.count ?? 0;
        await sleep(2);
        data.count = before + 1;
      });
      break;
    case '/sign-out': {
      const seen = seenIn(session, stateOf(session), op);
      await session.destroy();
      return seen;
    }
    default:
      return null;
  }
  return seenIn(session, stateOf(session), op);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app');
  request.resume();
  if (isAnswered(request, response)) return;
  const session = await app.open(request, response);
  const seen = await act(pathname, searchParams, session);
  const wait = Number(searchParams.get('wait') ?? 0);
  if (wait > 0) await sleep(wait);
  if (seen === null) response.statusCode = 404;
  response.end(JSON.stringify(seen));
}

listen((request, response) => {
  serve(request, response).catch((error: unknown) => app.guard(request, response).refuse(error));
});
