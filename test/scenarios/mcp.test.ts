/**
 * The official MCP client over three processes of the official server, each with its sessions in memory: Mcp-Session-Id is
 * learned from the response to initialize and followed by every request, until the client ends the session or its owner dies.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { type Limpet, startLimpet } from '../support/limpet.ts';
import { ask, configFor, startServer, together, until } from '../support/peers.ts';
import { runtimes } from '../support/runtimes.ts';

const app = new URL('../support/apps/mcp.ts', import.meta.url);
const names = ['a', 'b', 'c'];
const affinity = [{ header: 'Mcp-Session-Id', whenOwnerFails: { reject: 404 } }];

interface Count {
  readonly server: string;
  readonly count: number;
}

/** One session of the real client. */
class Session implements AsyncDisposable {
  /** What came on the event stream. */
  readonly news: unknown[] = [];
  private readonly client = new Client({ name: 'test', version: '1.0.0' });
  private readonly transport: StreamableHTTPClientTransport;

  private constructor(limpet: Limpet) {
    const reconnectionOptions = {
      initialReconnectionDelay: 10,
      maxReconnectionDelay: 10,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 0,
    };
    this.transport = new StreamableHTTPClientTransport(new URL('/mcp', limpet.url), { reconnectionOptions });
    this.client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      this.news.push(params.data);
    });
  }

  static async begin(limpet: Limpet): Promise<Session> {
    const session = new Session(limpet);
    await session.client.connect(session.transport);
    return session;
  }

  get id(): string {
    return this.transport.sessionId ?? '';
  }

  /** From which server the answer came to initialize. */
  get server(): string {
    return this.client.getServerVersion()?.name ?? '';
  }

  async add(): Promise<Count> {
    const { content } = await this.client.callTool({ name: 'add' });
    const [first] = content as { text: string }[];
    return JSON.parse(first?.text ?? '') as Count;
  }

  async announce(): Promise<void> {
    await this.client.callTool({ name: 'announce' });
  }

  /** DELETE, as the protocol has it. */
  terminate(): Promise<void> {
    return this.transport.terminateSession();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.close();
  }
}

function sum(sessions: Readonly<Record<string, number>>): number {
  return Object.values(sessions).reduce((all, count) => all + count, 0);
}

describe.each(runtimes)('MCP on %s', (runtime) => {
  test('20 clients at once: calls, the event stream, and the end by DELETE', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const config = { ...configFor(servers, { affinity, balance: 'round-robin' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    await using sessions = await together(Array.from({ length: 20 }, () => Session.begin(limpet)));
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(20);
    expect(new Set(sessions.map(({ server }) => server)).size).toBe(3);
    expect(sum(await limpet.sessions())).toBe(20);

    await Promise.all(
      sessions.map(async (session) => {
        const { server } = session;
        for (let count = 1; count <= 5; count++) expect(await session.add()).toEqual({ server, count });
        // Each on a connection of its own, most likely.
        const more = await Promise.all(Array.from({ length: 5 }, () => session.add()));
        expect(more.map(({ count }) => count).sort((a, b) => a - b)).toEqual([6, 7, 8, 9, 10]);
        // The stream is a GET of its own, and has to hang at the same server.
        await session.announce();
        await until('the notification', () => session.news.length > 0);
        expect(session.news).toEqual([{ server, count: 10 }]);
      }),
    );
    expect(await limpet.counters()).toMatchObject({ sessions_learned: 20, sessions_adopted: 0, rebinds: 0 });

    const ids = sessions.map(({ id }) => id);
    await Promise.all(sessions.map((session) => session.terminate()));
    expect(sum(await limpet.sessions())).toBe(0);
    expect((await limpet.counters()).sessions_ended).toBe(20);
    const reply = await ask(`${limpet.url}/mcp`, {
      method: 'POST',
      headers: {
        'mcp-session-id': ids[0],
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    expect(reply.status).toBe(404);
  });

  test('the owner is killed: its clients get 404 and begin anew elsewhere, the others go on', async () => {
    await using servers = await together(names.map((name) => startServer(app, name)));
    const config = { ...configFor(servers, { affinity, balance: 'round-robin' }), workers: 2 };
    await using limpet = await startLimpet(runtime, { config });
    await using sessions = await together(Array.from({ length: 12 }, () => Session.begin(limpet)));
    for (const session of sessions) await session.add();
    await servers[0]?.kill('SIGKILL');
    const orphans = sessions.filter(({ server }) => server === 'a');
    expect(orphans.length).toBe(4);
    for (const session of orphans) {
      const error = await session.add().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StreamableHTTPError);
      expect(error).toMatchObject({ code: 404 });
      // What the specification asks of a client that gets 404.
      await using anew = await Session.begin(limpet);
      expect(anew.server).toMatch(/^[bc]$/);
      for (let count = 1; count <= 3; count++) expect(await anew.add()).toEqual({ server: anew.server, count });
    }
    for (const session of sessions.filter(({ server }) => server !== 'a'))
      expect(await session.add()).toEqual({ server: session.server, count: 2 });
  });
});
