/**
 * A worker thread that does what a test says by the first word of `buffers.table`, read when it starts: it listens, throws,
 * says that it cannot start, or says nothing. To `reload` it answers with the number of its config as port; the error of a
 * config whose version is the second word. The third word makes it throw when it is set and a message comes.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerInit } from '../../src/workers/messages.ts';

const { buffers, config } = workerData as WorkerInit;
const orders = new Int32Array(buffers.table);
const say = (message: FromWorker): void => parentPort!.postMessage(message);
const listening = (configs: number) => ({ addresses: [], ports: [configs] });

parentPort!.on('message', (message: ToWorker) => {
  if (Atomics.load(orders, 2) !== 0) throw new Error('it fails when a message comes');
  if (message.kind === 'sync') say({ kind: 'synced', id: message.id });
  else if (message.kind === 'stop') say({ kind: 'stopped', id: message.id, finished: true });
  else if (message.kind === 'reload') {
    const { configs } = message.config.versions;
    const error = configs === Atomics.load(orders, 1) ? { message: 'not this one', code: 'ENOT' } : null;
    say({ kind: 'reloaded', id: message.id, error, ...listening(configs) });
  }
});

switch (Atomics.load(orders, 0)) {
  case 0:
    say({ kind: 'listening', ...listening(config.versions.configs) });
    break;
  case 1:
    throw new Error('it fails at once');
  case 2:
    say({ kind: 'failed', error: { message: 'it cannot listen', code: 'EADDRINUSE' } });
}
