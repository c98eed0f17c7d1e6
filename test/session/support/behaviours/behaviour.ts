/**
 * One documented behaviour of a session library, as a short story of requests: what an app does with it, and what a browser sees.
 * It is told of several sides (sides.ts), and what is seen must be the same.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { NodeSessions } from '../../../../src/session/index.ts';
import type { Client } from './client.ts';
import type { Transcript } from './transcript.ts';

/** Signs the cookies of all apps here, unless their options say otherwise. */
export const secret = 'the secret of all behaviours, long enough';
/** Of cookie-parser, where an app has it. */
export const parserSecret = 'of the cookie parser';
/** In milliseconds; dates are told in whole minutes. */
export const hour = 3_600_000;

export type Fault = 'get' | 'set' | 'destroy' | 'touch' | null;

/** Of one side: the next questions to its store fail, by this method. */
export interface Faults {
  current: Fault;
}

/** What an app is made on. */
export interface Stage {
  /** null: the library itself, with its own store. */
  readonly limpet: NodeSessions | null;
  readonly transcript: Transcript;
  readonly faults: Faults;
}

export interface Behaviour {
  readonly name: string;
  /** The app. */
  readonly listen: (stage: Stage) => RequestListener | Promise<RequestListener>;
  readonly secrets: readonly string[];
  readonly play: (client: Client, stage: { readonly fault: (method: Fault) => void }) => Promise<void>;
}

/** Of the request that runs. */
export interface Tools {
  /** Into the transcript. */
  readonly note: (...values: unknown[]) => void;
  readonly next: (error?: unknown) => void;
}

/** As cookie-signature does. */
export function sign(text: string, by: string): string {
  return `${text}.${createHmac('sha256', by).update(text).digest('base64').replace(/=+$/, '')}`;
}

/** A cookie's value for an id, signed. */
export function signed(id: string, by = secret): string {
  return encodeURIComponent(`s:${sign(id, by)}`);
}

/** An id as uid-safe makes them. */
export function freshId(): string {
  return randomBytes(24).toString('base64url');
}
