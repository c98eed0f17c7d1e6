/** The session library: what `import ... from 'limpet/session'` gives. */
export { type Codec, type CodecName, jsonCodec, type SessionData } from './data/codec.ts';
export type { Duration, SessionCookieOptions } from './data/cookie-settings.ts';
export { SessionError, type SessionErrorCode } from './error.ts';
export type { SessionEventName, SessionEvents, SessionListener } from './events.ts';
export type { ForeignStore } from './foreign/foreign-store.ts';
export { type NodeHandler, NodeSessions, sessions } from './node.ts';
export type { CookieOptions, FormerExpressSession, Limits, SessionOptions, Warning } from './options.ts';
export type { Reason, Session } from './session.ts';
export type { Strategy } from './strategy.ts';
export type { UserSession } from './user-sessions.ts';
export { type WebHandler, WebSessions, webSessions } from './web.ts';
