/** Opens bridges between clients that speak HTTP/1.1 and listeners that speak TLS or HTTP/2: see thread.ts. */
import { Worker } from 'node:worker_threads';
import { type Transport, transport } from '../transport.ts';
import { certificateName, testCertificate } from './certificate.ts';
import type { Answer, Order } from './orders.ts';
import type { Target } from './target.ts';

export interface Bridge extends AsyncDisposable {
  readonly port: number;
  /** Takes no new clients. */
  stop(): Promise<void>;
}

/** Its `code` is that of the error with which the bridge could not listen. */
export class BridgeError extends Error {
  readonly code: string;

  constructor(where: string, code: string) {
    super(`no bridge at ${where}: ${code}`);
    this.code = code;
  }
}

let worker: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, PromiseWithResolvers<Answer>>();

/** Listens at `host` and `port`, for the listener of the balancer at `targetHost` and `targetPort`. */
export async function openBridge(
  host: string,
  port: number,
  targetHost: string,
  targetPort: number,
  over: Transport = transport,
): Promise<Bridge> {
  const target: Target = {
    host: targetHost,
    port: targetPort,
    ca: over === 'h2c' ? null : testCertificate().cert,
    serverName: certificateName,
    shared: over === 'h2-shared',
  };
  const id = ++lastId;
  const isHttp2 = over !== 'tls';
  const { port: bound, error } = await tell({ kind: 'open', id, host, port, target, isHttp2 });
  if (error !== '') throw new BridgeError(`${host}:${port}`, error);
  return {
    port: bound,
    stop: async () => {
      await tell({ kind: 'stop', id });
    },
    [Symbol.asyncDispose]: async () => {
      await tell({ kind: 'close', id });
    },
  };
}

async function tell(order: Order): Promise<Answer> {
  worker ??= start();
  const thread = worker;
  const answered = Promise.withResolvers<Answer>();
  waiting.set(order.id, answered);
  thread.ref();
  thread.postMessage(order);
  try {
    return await answered.promise;
  } finally {
    waiting.delete(order.id);
    // It does not keep the process alive when nobody waits for it.
    if (waiting.size === 0) thread.unref();
  }
}

function start(): Worker {
  const thread = new Worker(new URL('./thread.ts', import.meta.url));
  thread.on('message', (answer: Answer) => waiting.get(answer.id)?.resolve(answer));
  thread.on('error', (error) => {
    worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    // A fault of the bridge itself must not look like one of the balancer.
    throw error;
  });
  return thread;
}
