/** One put through the store interface, and what its result means for the session in memory. */
import { asSessionError } from '../data/encode.ts';
import { hasCode } from '../error.ts';
import type { LiveSession } from '../live-session.ts';
import { endInMemory } from './end-delivery.ts';
import type { IdChange } from './id-change.ts';
import type { PutFields } from './protocol.ts';
import type { StickyContext } from './sticky-context.ts';
import type { SessionAddress } from './store-client.ts';

export interface StorePut {
  readonly live: LiveSession;
  readonly fields: PutFields;
  readonly encoded: string;
  /** The encoded data before that version; '' unknown. */
  readonly encodedBefore: string;
  /** The change of id that the put makes as well; null: none. */
  readonly idChange: IdChange | null;
}

/** Resolves when the store has it. Throws SessionError. */
export async function putToStore(context: StickyContext, address: SessionAddress, put: StorePut): Promise<void> {
  const { live, fields, encoded, idChange } = put;
  idChange?.markAsked();
  try {
    const proof = await context.client.put(address, fields, encoded, idChange === null ? '' : live.id);
    live.storedVersion = Math.max(live.storedVersion, fields.version);
    live.user = fields.user;
    idChange?.markStored(proof);
  } catch (error) {
    onRefused(context, put, error);
    throw error;
  }
}

function onRefused(context: StickyContext, { live, encoded, encodedBefore }: StorePut, error: unknown): void {
  const { registry, options } = context;
  if (hasCode(error, 'session-fenced')) registry.markReplaced(live);
  if (hasCode(error, 'session-ended')) endInMemory(context, live, 0).isConfirmed = true;
  if (!hasCode(error, 'state-too-large') || live.state !== 'live' || live.encoded !== encoded) return;
  // The store will never take that text: with it, no later response could be stored either.
  if (encodedBefore === '') registry.markReplaced(live);
  else {
    live.encoded = encodedBefore;
    live.undo(encodedBefore, options.codec, asSessionError(error));
  }
}
