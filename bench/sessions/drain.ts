/**
 * `npm run bench:drain`: a server with 10,000 sessions is drained under traffic (`limpet drain --wait`): how long it takes,
 * and whether anything is lost.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Pool } from 'undici';
import { endWithThisProcess, projectRoot } from '../macro/processes.ts';
import { open } from './stage.ts';

/** Three servers: a third of them each. */
const clients = 30_000;
const connections = 64;

endWithThisProcess();
const name = 'Express, Limpet, memory';
const { port, servers, state } = await open({ name, framework: 'express', store: 'memory', sticky: true }, 1);
const pool = new Pool(`http://127.0.0.1:${port}`, { connections });
const cookies = new Array<string>(clients).fill('');
const carts = new Uint32Array(clients);
const homes = new Uint32Array(clients);
let [requests, failed, lost] = [0, 0, 0];

async function visit(client: number, isWrite: boolean): Promise<void> {
  const headers = cookies[client] === '' ? {} : { cookie: cookies[client] };
  const reply = await pool.request({ path: isWrite ? '/add' : '/cart', method: isWrite ? 'POST' : 'GET', headers });
  const text = await reply.body.text();
  requests++;
  if (reply.statusCode !== 200) {
    failed++;
    return;
  }
  for (const line of [reply.headers['set-cookie'] ?? []].flat()) cookies[client] = line.split(';', 1)[0] ?? '';
  const { items, server } = JSON.parse(text) as { items: number; server: number };
  if (isWrite) carts[client] = carts[client]! + 1;
  if (items !== carts[client]) lost++;
  homes[client] = server;
}

/** Each client is visited by one connection only. */
async function everyone(goOn: () => boolean, isWrite: boolean): Promise<void> {
  const walk = async (lane: number) => {
    do {
      for (let client = lane; client < clients && goOn(); client += connections) await visit(client, isWrite);
    } while (!isWrite && goOn());
  };
  await Promise.all(Array.from({ length: connections }, (_, lane) => walk(lane)));
}

await everyone(() => true, true);
const server = homes[0]!;
const before = homes.filter((home) => home === server).length;
requests = 0;
let draining = true;
const traffic = everyone(() => draining, false);
const began = performance.now();
const address = `127.0.0.1:${servers.get(server)}`;
const env = { ...process.env, LIMPET_STATE: state };
const child = spawn(join(projectRoot, 'bin/limpet'), ['drain', address, '--wait'], { env, stdio: 'inherit' });
const [code] = (await once(child, 'exit')) as [number];
const took = performance.now() - began;
draining = false;
await traffic;
const after = homes.filter((home) => home === server).length;
await everyone(() => true, true);
await pool.close();
console.log(`${before} sessions on the server; drained (exit code ${code}) in ${(took / 1000).toFixed(2)} s`);
console.log(
  `${requests} requests since, ${failed} failed, ${lost} carts lost or incomplete; seen there last: ${after}`,
);
process.exit(code === 0 && failed === 0 && lost === 0 ? 0 : 1);
