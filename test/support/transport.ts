/**
 * Over what the black-box suites speak to the balancer: one switch for all of them, the variable LIMPET_TRANSPORT. With anything but
 * `h1` the listeners of the balancer speak TLS or HTTP/2, and a bridge (bridge/bridge.ts) stands before each: to the
 * scenario it speaks HTTP/1.1 without TLS, so that a scenario is written once and runs over all.
 */
import { beforeEach, type RunnerTestCase, TestRunner } from 'vitest';

/**
 * - `h1`: HTTP/1.1 without TLS, and no bridge;
 * - `tls`: HTTP/1.1 over TLS, one connection for each of the client;
 * - `h2`: HTTP/2 over TLS, likewise; pipelined requests are streams at the same time;
 * - `h2-shared`: HTTP/2 over TLS, the connections of all clients with one address are streams of one connection;
 * - `h2c`: HTTP/2 without TLS, by prior knowledge, one connection for each of the client.
 */
export const transports = ['h1', 'tls', 'h2', 'h2-shared', 'h2c'] as const;
export type Transport = (typeof transports)[number];

export const transport: Transport = chosen(process.env.LIMPET_TRANSPORT ?? 'h1');

/** What the servers are told of it, in X-Forwarded-Proto and Forwarded. */
export const scheme: 'http' | 'https' = transport === 'h1' || transport === 'h2c' ? 'http' : 'https';

/** The client's requests reach the balancer as HTTP/2. */
export const isHttp2: boolean = transport !== 'h1' && transport !== 'tls';

function chosen(name: string): Transport {
  const found = transports.find((one) => one === name);
  if (found === undefined) throw new Error(`LIMPET_TRANSPORT is ${name}, expected one of ${transports.join(', ')}`);
  return found;
}

/**
 * In a test, or for all tests of a file or a `describe`: over any other transport they are skipped, with the reason. The summary of a
 * run counts them.
 */
export function onlyOver(these: Transport | readonly Transport[], reason: string): void {
  if (these === transport || these.includes(transport)) return;
  const note = `not over ${transport}: ${reason}`;
  const current = TestRunner.getCurrentTest<RunnerTestCase | undefined>();
  if (current === undefined) beforeEach((context) => context.skip(note));
  else if (current.type === 'test') current.context.skip(note);
}

/** What stays of a scenario that is about HTTP/1.1 itself, with or without TLS. */
export const http1: readonly Transport[] = ['h1', 'tls'];
