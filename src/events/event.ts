/**
 * What happens in a balancer, as events for programs: each has a stable name, and fields. The text log, the event stream of the admin
 * API and the dashboard go by these; docs/reference/events.md has the same names for people.
 */

/** What an operator should do. info: nothing. warn: look at it. error: something does not work. */
export type EventLevel = 'info' | 'warn' | 'error';

interface EventDescription {
  readonly level: EventLevel;
  readonly meaning: string;
  /** By name of the field, what it holds. */
  readonly fields: Readonly<Record<string, string>>;
}

const pool = 'name of the pool';
const server = 'name of the server';
const node = 'name of the node';
const session = 'the eight hex digits that the access log has for the session';
const reason = 'why';
const ownerChange = {
  from: 'name of the server that had it; null: that has left the pool',
  to: 'name of the server that has it now',
  reason,
  copied: 'true: its state has come along',
};

/** Every event. Programs of users rely on names and fields: a change goes into the changelog. */
export const eventTable = {
  'server.down': {
    level: 'warn',
    meaning: 'A server gets no requests any more: its checks fail, or traffic has shown that it does not work.',
    fields: { pool, server, reason },
  },
  'server.up': {
    level: 'info',
    meaning: 'A server that was down answers again.',
    fields: { pool, server, reason },
  },
  'server.drained': {
    level: 'info',
    meaning: 'A server gets no new sessions any more, and those that it has leave it.',
    fields: { pool, server, reason },
  },
  'server.ready': {
    level: 'info',
    meaning: 'A server that was drained gets new sessions again.',
    fields: { pool, server, reason },
  },
  'server.empty': {
    level: 'info',
    meaning: 'A drained server has nothing left: it can be stopped without a loss.',
    fields: { pool, server },
  },
  'server.added': {
    level: 'info',
    meaning: 'A server has joined a pool: by the config, by the API, or because a name has another address.',
    fields: { pool, server, address: 'its address' },
  },
  'server.removed': {
    level: 'info',
    meaning: 'A server has left its pool.',
    fields: { pool, server, address: 'the address that it had' },
  },
  'server.changed': {
    level: 'info',
    meaning: 'A server has another weight, or another limit of requests.',
    fields: {
      pool,
      server,
      weight: 'its weight from now on',
      maxRequests: 'the most requests at once from now on; 0: no limit',
    },
  },
  'pool.outage': {
    level: 'error',
    meaning: 'A pool has no usable server.',
    fields: { pool, reason: 'what is with each of its servers' },
  },
  'pool.recovered': {
    level: 'info',
    meaning: 'A pool has a usable server again.',
    fields: { pool, server: 'name of that server', seconds: 'how long it had none' },
  },
  'session.moved': {
    level: 'info',
    meaning: 'A session has left a server that works: the server is drained, full, or has too many of them.',
    fields: { pool, session, ...ownerChange },
  },
  'session.rescued': {
    level: 'warn',
    meaning: 'A session has another server, because its own was down, had failed, or had left the pool.',
    fields: { pool, session, ...ownerChange },
  },
  'session.fenced': {
    level: 'warn',
    meaning:
      'A server has changed a session that another server owns by now, or that has ended. The change was refused.',
    fields: { pool, session, server, reason },
  },
  'session.ended': {
    level: 'info',
    meaning: 'The app has ended a session.',
    fields: { pool, session, server, reason },
  },
  'config.reloaded': {
    level: 'info',
    meaning: 'Another config is in force at all workers.',
    fields: { summary: 'what has changed' },
  },
  'config.refused': {
    level: 'error',
    meaning: 'A config was not taken over; the former one stays in force.',
    fields: { reason },
  },
  'worker.replaced': {
    level: 'warn',
    meaning: 'A worker thread has failed, or hung, and another one takes its place. Its exchanges are lost.',
    fields: { worker: 'its number, from 1', reason },
  },
  'store.lost': {
    level: 'error',
    meaning: 'The store of sessions does not answer.',
    fields: { reason },
  },
  'store.back': {
    level: 'info',
    meaning: 'The store of sessions answers again.',
    fields: { copies: 'kept, or lost: the store has come back empty, and servers put their sessions again' },
  },
  'node.joined': {
    level: 'info',
    meaning: 'Another node of the fleet is there.',
    fields: { node, version: 'its version of Limpet' },
  },
  'node.left': {
    level: 'warn',
    meaning: 'Another node of the fleet is gone: it was stopped, or has not renewed its lease.',
    fields: { node, reason },
  },
  'node.cut-off': {
    level: 'error',
    meaning: 'This node cannot reach the store of the fleet. It goes on with what it knows.',
    fields: { reason },
  },
  'node.back': {
    level: 'info',
    meaning: 'The store of the fleet answers this node again.',
    fields: { nodes: 'how many nodes are there, this one included' },
  },
  'node.differs': {
    level: 'warn',
    meaning: 'Another node of the fleet has had another config for several seconds.',
    fields: { node, fields: 'the fields that differ' },
  },
  'node.conflict': {
    level: 'error',
    meaning: 'Two nodes have the same name, or the same id because a state folder was copied.',
    fields: { node, reason },
  },
  'node.unexpected': {
    level: 'error',
    meaning: 'Another balancer gives cookies under the same keys, and the config has no fleet.',
    fields: { pool, reason },
  },
  'certificate.renewed': {
    level: 'info',
    meaning: 'New connections get a new certificate.',
    fields: { file: 'its file', names: 'the names in it, with a comma between them' },
  },
  'certificate.refused': {
    level: 'warn',
    meaning: 'Files of certificates have changed and cannot be used; the former certificates stay.',
    fields: { reason },
  },
  'certificate.expires': {
    level: 'warn',
    meaning: 'A certificate ends soon: 30, 7 and 1 days before.',
    fields: { file: 'its file', names: 'the names in it, with a comma between them', days: 'whole days that are left' },
  },
  'limit.hit': {
    level: 'warn',
    meaning: 'A limit has refused or dropped something.',
    fields: { limit: 'the counter that counts it', times: 'how often since the last event of this limit' },
  },
  'events.dropped': {
    level: 'warn',
    meaning: 'More happened to sessions than has room: a worker sends 200 such events a second.',
    fields: { worker: 'its number, from 1; null: the store interface', count: 'how many events are missing' },
  },
} as const satisfies Readonly<Record<string, EventDescription>>;

export type EventName = keyof typeof eventTable;

export type EventValue = string | number | boolean | null;

/** All fields of the event, and no others. */
export type EventFields<Name extends EventName> = Readonly<
  Record<keyof (typeof eventTable)[Name]['fields'], EventValue>
>;

export interface LimpetEvent {
  /** Goes up with every event, also from one start of the balancer to the next. */
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly name: EventName;
  readonly fields: Readonly<Record<string, EventValue>>;
}
