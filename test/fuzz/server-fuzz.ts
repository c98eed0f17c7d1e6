/**
 * Clients that ask servers that break HTTP, through the balancer, and a judge: an answer, or any bytes, that one client has
 * brought about and another one gets is a crossing (I7).
 */
import { startLimpet } from '../support/limpet.ts';
import { RawClient, type Response, show } from '../support/raw.ts';
import type { Runtime } from '../support/runtimes.ts';
import { BrokenServer, Events, type Theme, themes } from './broken-server.ts';
import { Random } from './random.ts';

/** Of the pool in front of a server. */
export const variants = {
  alone: { pipelining: 1, maxIdle: 2 },
  'alone, with a deadline': { pipelining: 1, maxIdle: 1, retry: { deadline: '50ms' } },
  pipelined: { pipelining: 16, maxIdle: 1 },
  'pipelined, with a deadline': { pipelining: 16, maxIdle: 2, retry: { deadline: '50ms' } },
} as const;
export type Variant = keyof typeof variants;

export interface Crossing {
  readonly variant: Variant;
  readonly theme: Theme;
  /** Bodies that may not be there and came later than is assumed, because the machine was busy. */
  readonly late: number;
  readonly text: string;
}

export interface FuzzReport {
  readonly seed: number;
  readonly answers: number;
  readonly faults: number;
  readonly crossings: readonly Crossing[];
  /** What else went wrong: a client that waited for ever, or got what is not HTTP. */
  readonly complaints: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * SECURITY.md: whoever is behind on a connection assumes right lengths, and one answer to each request; whoever reuses one assumes
 * that the server does not speak unasked just when it is asked.
 */
export function isNamed({ variant, theme, late }: Omit<Crossing, 'text'>): boolean {
  return theme === 'unasked' || late > 0 || (theme === 'length' && variants[variant].pipelining > 1);
}

const clientCount = 12;
/** Of requests: the clients of one server ask at the same time. */
const rounds = 10;

/** `copies`: servers of each theme behind each kind of pool. */
export async function fuzzServers(runtime: Runtime, seed: number, copies: number): Promise<FuzzReport> {
  const random = new Random(seed);
  const events = new Events();
  const plan = Object.keys(variants).flatMap((variant) =>
    themes.flatMap((theme) => Array.from({ length: copies }, () => ({ variant: variant as Variant, theme }))),
  );
  const servers = plan.map(({ theme }) => new BrokenServer(theme, new Random(random.next()), events));
  try {
    const addresses = await Promise.all(servers.map((server) => server.listen()));
    const pools = plan.map(({ variant }, i) => [
      `p${i}`,
      {
        servers: [addresses[i]],
        affinity: 'none',
        health: { passive: false },
        timeouts: { response: '500ms', responseBody: '300ms' },
        ...variants[variant],
      },
    ]);
    const routes = plan.map((_, i) => ({ match: { path: `/p${i}/` }, pool: `p${i}` }));
    const config = { pools: Object.fromEntries(pools), routes, workers: 1 };
    await using limpet = await startLimpet(runtime, { config });
    const groups = plan.map((_, i) =>
      Array.from({ length: clientCount }, (_, j) => new FuzzClient(i * clientCount + j, limpet.port, random)),
    );
    // All at one time: what they share in the balancer is tried as well.
    await Promise.all(
      groups.map(async (group, i) => {
        // One connection is idle when all of them come.
        await group[0]!.round(`/p${i}`);
        for (let round = 0; round < rounds; round++) await Promise.all(group.map((client) => client.round(`/p${i}`)));
        await Promise.all(group.map((client) => client.leave()));
      }),
    );
    const crossings = groups.flatMap((group, i) =>
      group.flatMap(({ crossed }) => crossed.map((text): Crossing => ({ ...plan[i]!, late: servers[i]!.late, text }))),
    );
    const clients = groups.flat();
    const faults = servers.reduce((sum, one) => sum + [...one.faults.values()].reduce((a, b) => a + b, 0), 0);
    return {
      seed,
      faults,
      crossings,
      answers: clients.reduce((sum, { answers }) => sum + answers, 0),
      complaints: clients.flatMap(({ complaints }) => complaints),
      counters: await limpet.counters(),
    };
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** Whether a text holds bytes that another client has brought about: the first of them, or null. */
export function foreignIn(text: string, client: number): string | null {
  for (const [id, number] of text.matchAll(/Q(\d{4})-\d{4}/g)) if (Number(number) !== client) return id;
  return null;
}

/** One person, on one connection at a time. */
class FuzzClient {
  answers = 0;
  readonly crossed: string[] = [];
  readonly complaints: string[] = [];
  private readonly number: number;
  private readonly port: number;
  private readonly random: Random;
  private client: RawClient | null = null;
  private asked = 0;

  constructor(number: number, port: number, random: Random) {
    this.number = number;
    this.port = port;
    this.random = random;
  }

  /** One to three requests, sent at once, and their answers; or it goes away. */
  async round(path: string): Promise<void> {
    this.client ??= await RawClient.connect(this.port);
    const { client, random } = this;
    const methods = Array.from({ length: random.chance(80) ? 1 : 1 + random.below(3) }, () =>
      random.pick(['GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'IF']),
    );
    await client.send(methods.map((method) => this.request(method, path)).join(''));
    if (random.chance(2)) {
      client.reset();
      await this.leave();
      return;
    }
    for (const method of methods) if (!(await this.answer(client, method))) break;
    this.judge(client.rest.toString('latin1'));
    if (client.state !== 'open') await this.leave();
  }

  async leave(): Promise<void> {
    const { client } = this;
    this.client = null;
    await client?.[Symbol.asyncDispose]();
  }

  private request(method: string, path: string): string {
    const id = `Q${String(this.number).padStart(4, '0')}-${String(this.asked++).padStart(4, '0')}`;
    const head = `${method === 'IF' ? 'GET' : method} ${path}/${id} HTTP/1.1\r\nHost: x\r\n`;
    if (method === 'POST') return `${head}Content-Length: 3\r\n\r\na=1`;
    return method === 'IF' ? `${head}If-None-Match: "1"\r\n\r\n` : `${head}\r\n`;
  }

  /** False: the connection is of no use any more. */
  private async answer(client: RawClient, method: string): Promise<boolean> {
    for (;;) {
      const from = client.received.length - client.rest.length;
      let response: Response;
      try {
        response = await client.response(method === 'HEAD' ? 'HEAD' : 'GET', 15_000);
      } catch (error) {
        this.judge(client.rest.toString('latin1'));
        // A connection that breaks is an answer as well.
        if (client.state === 'open') this.complaints.push(String(error instanceof Error ? error.message : error));
        return client.state === 'open' && this.leave().then(() => false);
      }
      this.judge(client.received.toString('latin1', from, response.end));
      if (!response.complete) return false;
      if (response.status < 200) continue;
      this.answers++;
      return true;
    }
  }

  private judge(text: string): void {
    const id = foreignIn(text, this.number);
    if (id !== null) this.crossed.push(`client ${this.number} got ${id}: ${show(text, 300)}`);
  }
}
