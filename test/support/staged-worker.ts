/**
 * A worker that does what a test says, by files in the folder LIMPET_STAGE: the real one, that says in `started-<worker>`
 * that it listens, fails when there is `crash-<worker>`, hangs when there is `hang-<worker>`, and hears nothing of the supervisor while there is `deaf-<worker>`.
 */
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const { worker } = workerData as { readonly worker: number };
const folder = process.env.LIMPET_STAGE ?? '';
const orders = {
  crash: join(folder, `crash-${worker}`),
  hang: join(folder, `hang-${worker}`),
  deaf: join(folder, `deaf-${worker}`),
};

/** What it has not heard yet, in order. */
const unheard: (() => void)[] = [];

function listen(): void {
  if (existsSync(orders.deaf)) return;
  for (const hear of unheard.splice(0)) hear();
}

const port = parentPort!;
const on = port.on.bind(port);
port.on = ((event: string, listener: (message: unknown) => void) =>
  on(event, (message: unknown) => {
    unheard.push(() => listener(message));
    listen();
  })) as typeof port.on;

// Resolved when it listens.
await import('../../src/workers/worker.ts');
appendFileSync(join(folder, `started-${worker}`), '.');
setInterval(() => {
  listen();
  if (existsSync(orders.hang)) {
    rmSync(orders.hang);
    // It turns no more.
    for (;;);
  }
  if (!existsSync(orders.crash)) return;
  // Once: the one that takes its place is to live.
  rmSync(orders.crash);
  throw new Error('a failure that the test asked for');
}, 20);
