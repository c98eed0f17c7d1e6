/**
 * `import ... from 'limpet/session'`: the session library for app servers, on node:http and with handlers of Request and Response. The
 * adapters for frameworks are `limpet/express` and its siblings.
 *
 * @module limpet/session
 */
export type {
  ClaimDetails,
  ClaimResult,
  Copy,
  EndResult,
  Fenced,
  Found,
  Put,
  PutResult,
  RotateResult,
  SessionId,
  SessionKey,
  Store,
  UserHash,
} from '../store/store.ts';
export { type Codec, type CodecName, jsonCodec, type SessionData } from './data/codec.ts';
export type { Duration, SessionCookieOptions } from './data/cookie-settings.ts';
export { SessionError, type SessionErrorCode } from './error.ts';
export type { DestroyReason, SessionEvent, SessionEventName, SessionEvents, SessionListener } from './events.ts';
export type { ForeignStore } from './foreign/foreign-store.ts';
export { type NodeHandler, NodeSessions, sessions } from './node.ts';
export type { AnyStore, CookieOptions, FormerExpressSession, Limits, SessionOptions, Warning } from './options.ts';
export type { ResponseGuard } from './response/response-guard.ts';
export type { Reason, Session } from './session.ts';
export type { Strategy } from './strategy.ts';
export type { UserSession } from './user-sessions.ts';
export { type WebHandler, WebSessions, webSessions } from './web.ts';
