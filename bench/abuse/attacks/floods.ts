/** Floods of state: sessions that begin and never come back, and invented ids. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Attack } from '../attack.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** With connections that are kept; status 0: none. */
class Flood {
  private readonly agent: Agent;
  private readonly port: number;

  constructor(port: number, connections = 32) {
    this.port = port;
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  ask(path: string, cookie = ''): Promise<Answer> {
    const { port, agent } = this;
    const headers = cookie === '' ? {} : { cookie };
    return new Promise((done) => {
      const none = () => done({ status: 0, headers: {} });
      const asked = request({ port, path, host: '127.0.0.1', agent, headers, timeout: 5000 }, (response) => {
        response.resume().on('error', none);
        response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers }));
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', none);
      asked.end();
    });
  }

  /** `count` requests, some at a time. */
  async all(count: number, path: string, cookie: (n: number) => string = () => ''): Promise<Answer[]> {
    const answers: Answer[] = [];
    let next = 0;
    const lane = async () => {
      while (next < count) answers.push(await this.ask(path, cookie(next++)));
    };
    await Promise.all(Array.from({ length: 32 }, lane));
    return answers;
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Altogether, in the rounds of a run, more than the store of 8 MB can hold: 8,000 and some. */
const floodSize = 4000;

export const storeFlood: Attack = {
  name: 'store-flood',
  title: `${floodSize} sessions that never come back, a store of 8 MB`,
  path: '/session',
  needs: { store: 'memory:8mb' },
  async run({ port }) {
    const flood = new Flood(port);
    await flood.all(floodSize, '/session');
    const after = await flood.all(40, '/session');
    flood.close();
    const count = after.filter(({ status }) => status !== 200).length;
    return { attackers: floodSize, failures: { count, what: 'of 40 new sessions refused' } };
  },
};

const tableSize = 1000;
const appGiven = 200;
/** By the balancer's port: its app-given ids and where they are at home. */
const homes = new Map<number, readonly (readonly [cookie: string, server: string])[]>();
let invented = 0;

export const tableFlood: Attack = {
  name: 'table-flood',
  title: `${2 * tableSize} invented ids, each sent twice, a table of ${tableSize}`,
  path: '/id',
  needs: { learn: tableSize },
  async prepare(port) {
    const flood = new Flood(port);
    const given = await flood.all(appGiven, '/id');
    const pairs = given.map(({ headers }): [string, string] => {
      const [cookie = ''] = (headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0] ?? '');
      return [cookie, String(headers['x-server'])];
    });
    homes.set(port, pairs);
    flood.close();
  },
  async run({ port }) {
    const flood = new Flood(port);
    const from = invented;
    invented += 2 * tableSize;
    for (const path of ['/id', '/id']) await flood.all(2 * tableSize, path, (n) => `JSESSIONID=invented-${from + n}`);
    const known = homes.get(port) ?? [];
    let count = 0;
    for (const [cookie, server] of known) {
      if ((await flood.ask('/id', cookie)).headers['x-server'] !== server) count++;
    }
    flood.close();
    return { attackers: 0, failures: { count, what: `of ${appGiven} ids that the app gave not at home` } };
  },
};
