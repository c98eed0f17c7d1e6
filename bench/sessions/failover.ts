/**
 * `npm run bench:failover`: 500 requests a second of 300 sessions on three servers; one server is killed with -9. For each
 * of its sessions: how long its first answer elsewhere took, and whether the cart was whole. A connection of our own to the
 * victim tells when its sockets closed: the kernel takes its memory apart first, and before that nobody can notice.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { endWithThisProcess } from '../macro/processes.ts';
import { open } from './stage.ts';

const clients = 300;
const perSecond = 500;
const seconds = 8;
const killAfter = 3;
const cartLength = 20;

interface Visit {
  readonly client: number;
  readonly isWrite: boolean;
  readonly started: number;
  readonly ended: number;
  /** 0: the connection broke. */
  readonly status: number;
  readonly items: number;
  readonly server: number;
}

endWithThisProcess();
const name = 'Express, Limpet, memory';
const { port, processes, servers, cookies } = await open(
  { name, framework: 'express', store: 'memory', sticky: true },
  clients,
);
const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64 });
const visits: Visit[] = [];

async function visit(client: number, isWrite: boolean): Promise<void> {
  const started = performance.now();
  const headers = { cookie: cookies[client]! };
  let [status, items, server] = [0, -1, 0];
  try {
    const reply = await pool.request({ path: isWrite ? '/add' : '/cart', method: isWrite ? 'POST' : 'GET', headers });
    const text = await reply.body.text();
    status = reply.statusCode;
    if (status === 200) ({ items, server } = JSON.parse(text) as { items: number; server: number });
  } catch {}
  visits.push({ client, isWrite, started, ended: performance.now(), status, items, server });
}

const under = new Set<Promise<void>>();
const begin = performance.now();
let killed = 0;
const victim = processes.find((one) => one.name === 'app0')!;
let noticed = 0;
const witness = connect(servers.get(victim.pid)!, '127.0.0.1');
witness
  .on('error', () => {})
  .on('close', () => {
    noticed = performance.now();
  });
for (let n = 0; n < perSecond * seconds; n++) {
  const due = begin + (n * 1000) / perSecond;
  if (due > performance.now() + 1) await sleep(due - performance.now());
  if (killed === 0 && n === perSecond * killAfter) {
    killed = performance.now();
    process.kill(victim.pid, 'SIGKILL');
  }
  const one = visit(n % clients, n % 20 === 0);
  under.add(one);
  one.finally(() => under.delete(one));
}
await Promise.all(under);
await pool.close();

const homeless = new Set(visits.filter(({ server }) => server === victim.pid).map(({ client }) => client));
const firsts = Array.from(homeless, (client) => {
  return visits.find(
    (one) => one.client === client && one.ended > killed && one.server !== victim.pid && one.status === 200,
  );
});
const lost = firsts.filter((first) => first === undefined || first.items !== cartLength).length;
/** From that moment, or from when it was sent if that was later. */
function timesFrom(moment: number): string {
  const times = firsts.flatMap((first) => (first === undefined ? [] : [first.ended - Math.max(first.started, moment)]));
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}

const failed = (isWrite: boolean) => visits.filter((one) => one.status !== 200 && one.isWrite === isWrite).length;
console.log(`${visits.length} requests of ${clients} sessions, ${homeless.size} on the server that was killed`);
console.log(`first answer elsewhere, from the kill:      ${timesFrom(killed)}`);
console.log(
  `from its sockets' close, ${(noticed - killed).toFixed(0).padStart(3)} ms later:       ${timesFrom(noticed)}`,
);
console.log(`sessions lost or incomplete: ${lost}; failed: GET ${failed(false)}, POST ${failed(true)}`);
process.exit(lost === 0 && failed(false) === 0 ? 0 : 1);
