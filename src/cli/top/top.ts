/** `limpet top`: servers and sessions of a running balancer, live in the terminal, with keys to drain and to make ready. */
import { ReadStream, WriteStream } from 'node:tty';
import { UsageError } from '../../errors.ts';
import { serverPath } from '../admin-client.ts';
import { nameOf } from '../server-words.ts';
import { TopModel, type TopServer, type TopStatus } from './model.ts';
import { coloured, drawScreen, plain, serverRows } from './screen.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** The balancer's admin API. */
export interface TopClient {
  get<T>(path: string): Promise<T>;
  send(method: 'PATCH', path: string, body: unknown): Promise<unknown>;
}

/** Between two looks, ms. */
const pollMs = 1_000;

/** Resolves when the user quits. Throws UsageError without a terminal, and when the balancer does not answer at the start. */
export async function showTop(client: TopClient): Promise<void> {
  const { stdin, stdout } = process;
  if (!(stdin instanceof ReadStream && stdout instanceof WriteStream && stdin.isTTY && stdout.isTTY)) {
    throw new UsageError('top needs a terminal: limpet sessions --json is for programs');
  }
  const model = new TopModel();
  // Before the screen is taken over: what it refuses can still be read then.
  await look(model, client);
  const { promise: quit, resolve } = Promise.withResolvers<void>();
  const draw = (): void => {
    const paint = terminal.hasColours ? coloured : plain;
    terminal.draw(drawScreen(model, terminal.size, Date.now(), paint));
  };
  const refresh = async (): Promise<void> => {
    try {
      await look(model, client);
    } catch (error) {
      model.trouble = messageOf(error);
    }
    draw();
  };
  const terminal: Terminal = openTerminal(stdin, stdout, {
    onResize: draw,
    onKey: (name, text) => {
      const effect = model.press(name, text, serverRows(terminal.size));
      if (effect?.kind === 'quit') resolve();
      else {
        if (effect !== null) void change(model, client, effect.server, effect.action).then(refresh);
        draw();
      }
    },
  });
  process.once('SIGTERM', resolve);
  let timer: NodeJS.Timeout | undefined;
  const poll = async (): Promise<void> => {
    await refresh();
    timer = setTimeout(poll, pollMs);
  };
  try {
    draw();
    timer = setTimeout(poll, pollMs);
    await quit;
  } finally {
    clearTimeout(timer);
    process.off('SIGTERM', resolve);
    terminal.close();
  }
}

async function look(model: TopModel, client: TopClient): Promise<void> {
  const [status, servers] = await Promise.all([
    client.get<TopStatus>('/v1/status'),
    client.get<readonly TopServer[]>('/v1/servers'),
  ]);
  model.update(status, servers, Date.now());
}

async function change(model: TopModel, client: TopClient, server: TopServer, action: 'drain' | 'ready'): Promise<void> {
  try {
    await client.send('PATCH', serverPath(server), { state: action });
  } catch (error) {
    model.say(`${nameOf(server)}: ${messageOf(error)}`, Date.now());
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
