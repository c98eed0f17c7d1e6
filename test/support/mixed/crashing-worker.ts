/**
 * A worker that fails when it is told to: the real one, that says in `started-<worker>` of the folder LIMPET_CRASH that it
 * listens, and looks there now and then for `crash-<worker>`.
 */
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
// Resolved when it listens.
import '../../../src/workers/worker.ts';

const { worker } = workerData as { readonly worker: number };
const folder = process.env.LIMPET_CRASH ?? '';
const order = join(folder, `crash-${worker}`);

appendFileSync(join(folder, `started-${worker}`), '.');
setInterval(() => {
  if (!existsSync(order)) return;
  // Once: the one that takes its place is to live.
  rmSync(order);
  throw new Error('a failure that the test asked for');
}, 20);
