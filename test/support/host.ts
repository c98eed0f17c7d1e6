/**
 * Where the servers of this test file and of the programs that it starts listen: a loopback address of its own. The system gives the
 * port that a killed server has left to whoever asks for one next, and that may be a server or a balancer of another file: the
 * health probes and retries of one test would count as requests of another. Linux answers for all of 127.0.0.0/8.
 */
import { threadId } from 'node:worker_threads';

function ownHost(): string {
  if (process.platform !== 'linux') return '127.0.0.1';
  const number = (process.pid * 8 + threadId) % (254 * 254 * 254);
  return `127.${1 + (Math.floor(number / (254 * 254)) % 254)}.${1 + (Math.floor(number / 254) % 254)}.${1 + (number % 254)}`;
}

/** Programs that a test starts have it from the test. */
process.env.LIMPET_TEST_HOST ??= ownHost();

export const host: string = process.env.LIMPET_TEST_HOST;
