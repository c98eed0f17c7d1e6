/** What the admin API answers: the part of it that this page reads. */
import type { FleetView, PoolView as Pool, ServerView, SessionPage, Status } from '../../../src/admin/schemas.ts';
import type { LimpetEvent } from '../../../src/events/event.ts';

export type { FleetView, ServerView, SessionPage };
export type StatusView = Status;
export type PoolView = Pool;
export type ServerState = ServerView['state'];
export type SessionCounts = ServerView['sessions'];
export type SessionView = SessionPage['sessions'][number];
export type EventView = LimpetEvent;
