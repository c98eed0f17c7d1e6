/**
 * The real worker, which a test controls by files in the folder LIMPET_STAGE. It writes `started-<worker>` when it listens, fails when
 * `crash-<worker>` appears, hangs when `hang-<worker>` appears, and handles no message of the supervisor while there is
 * `hold-<worker>`: it handles them later, in their order.
 */
import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const { worker } = workerData as { readonly worker: number };
const folder = process.env.LIMPET_STAGE ?? '';
const orders = {
  crash: join(folder, `crash-${worker}`),
  hang: join(folder, `hang-${worker}`),
  hold: join(folder, `hold-${worker}`),
};

/** Messages that it has not handled yet, in order. */
const held: (() => void)[] = [];

function handleHeld(): void {
  if (existsSync(orders.hold)) return;
  for (const handle of held.splice(0)) handle();
}

const port = parentPort!;
const on = port.on.bind(port);
port.on = ((event: string, listener: (message: unknown) => void) =>
  on(event, (message: unknown) => {
    held.push(() => listener(message));
    handleHeld();
  })) as typeof port.on;

// Resolved when it listens.
await import('../../src/workers/worker.ts');
appendFileSync(join(folder, `started-${worker}`), '.');
setInterval(() => {
  handleHeld();
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
