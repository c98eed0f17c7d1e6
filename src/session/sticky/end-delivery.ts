/**
 * The end of a session on its way to the store. A response announces it to the balancer, and may be lost; until the end is known to be
 * stored, nobody may be told of it as a fact.
 */

import { encodeEnded } from '../data/encode.ts';
import { asError, hasCode, SessionError } from '../error.ts';
import type { LiveSession } from '../live-session.ts';
import { SessionEnd } from '../session-end.ts';
import type { StickyContext } from './sticky-context.ts';
import type { SessionAddress, StoreClient } from './store-client.ts';

/** Waits before each read: the balancer has the response that announced the end, and its store has to answer still. */
const readPausesMs = [0, 50, 250];

/** Waits before each further try to store an end whose response was lost: the balancer may be restarting. */
const retryPausesMs = [250, 1000, 4000, 15_000, 30_000];

type DeliveryContext = Pick<StickyContext, 'client' | 'options'>;

/** Stores the end, and tries again later: until it is stored, the balancer says that it will be, or another server owns the session. */
export function deliverEnd(
  context: DeliveryContext,
  addressOf: () => SessionAddress,
  epoch: number,
  { tries = 0, isFirstLate = false } = {},
): void {
  const { client, options } = context;
  const retry = (pauseMs: number) =>
    void options.timers.after(pauseMs, () => deliverEnd(context, addressOf, epoch, { tries: tries + 1 }));
  const [firstPauseMs = 0] = retryPausesMs;
  if (isFirstLate) {
    retry(firstPauseMs);
    return;
  }
  client.end(addressOf(), epoch).catch((error: unknown) => {
    const pauseMs = retryPausesMs[tries];
    if (hasCode(error, 'session-store') && pauseMs !== undefined) retry(pauseMs);
    else if (!hasCode(error, 'session-ended') && !hasCode(error, 'session-ending')) options.onError(asError(error));
  });
}

/** Ends a session in this process. `epoch`: as for SessionEnd. */
export function endInMemory(
  { options, registry }: Pick<StickyContext, 'options' | 'registry'>,
  live: LiveSession,
  epoch: number,
): SessionEnd {
  const encoded = encodeEnded(live, options);
  const end = new SessionEnd(encoded !== live.encoded || live.version > live.storedVersion, epoch);
  live.end = end;
  // Data that differs from it was written too late.
  live.encoded = encoded;
  registry.end(live, options.clock.now());
  return end;
}

/** Whether the store says that the session has ended. Asks more than once: the announcing response may be on its way. */
export async function isEndStored(
  { client, options }: DeliveryContext,
  address: SessionAddress,
  end: SessionEnd,
): Promise<boolean> {
  for (const pauseMs of readPausesMs) {
    if (pauseMs > 0) await new Promise<void>((resolve) => void options.timers.after(pauseMs, resolve));
    const { state } = await client.read(address);
    end.isConfirmed ||= state === 'ended';
    if (end.isConfirmed) return true;
  }
  return false;
}

/**
 * A request has found the session over, and the response that announced the end may never reach the balancer: the client may be told of
 * the end only when it is stored. The app's own end is stored by this request as well. Throws SessionError when that fails.
 */
export async function confirmFoundEnd(
  context: DeliveryContext,
  address: SessionAddress,
  end: SessionEnd,
): Promise<void> {
  if (end.epoch > 0) {
    await context.client.end(address, end.epoch);
    end.isConfirmed = true;
  } else if (!(await isEndStored(context, address, end))) {
    throw new SessionError(
      'session-store',
      'it is not decided yet whether the session goes on under another id; expected a moment more',
    );
  }
}

/**
 * Whether a session that ended in this process has ended in the store as well; false: it goes on. Throws SessionError `session-store` as
 * long as the announcing response may be on its way. `end` null: the store has said so.
 *
 * The balancer that has sent the request learns of the end as well: it reads it in its store for this process, and its client may
 * begin another session with the next request. One that ends the session itself lets the client wait for some seconds.
 */
export async function decideEnd(
  { client, options }: DeliveryContext,
  address: SessionAddress,
  end: SessionEnd | null,
): Promise<boolean> {
  if (end === null || end.isConfirmed) {
    await client.read(address).catch(() => undefined);
    return true;
  }
  // The app has destroyed the session, whatever became of the response: that is stored in any case, and while the store is away this
  // balancer keeps it, too.
  const read = client.read(address);
  const { state } = end.epoch > 0 ? await read.catch(() => ({ state: 'unknown' })) : await read;
  if (state === 'ended' || (end.epoch > 0 && (await storeEnd(client, address, end.epoch)))) {
    end.isConfirmed = true;
    return true;
  }
  if (options.clock.now() - end.responseClosedAt >= options.limits.storeTimeout) return false;
  throw new SessionError(
    'session-store',
    'it is not decided yet whether the session has ended; expected a moment more',
  );
}

/** False: the session goes on at a later epoch. */
async function storeEnd(client: StoreClient, address: SessionAddress, epoch: number): Promise<boolean> {
  try {
    await client.end(address, epoch);
  } catch (error) {
    if (hasCode(error, 'session-fenced')) return false;
    throw error;
  }
  return true;
}
