/** Two servers, and as many workers as wanted that share their session table and the store of copies. */
import type { Affinity, Recognition } from '../../src/affinity/affinity.ts';
import type { SessionEvents } from '../../src/events/session-events.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { Load } from '../../src/fleet/load.ts';
import { Server } from '../../src/fleet/server.ts';
import type { SessionCommand } from '../../src/http/session-headers.ts';
import { Counters } from '../../src/metrics/counters.ts';
import type { PutOutcome } from '../../src/ownership/command-writer.ts';
import { OwnerClaims } from '../../src/ownership/owner-claims.ts';
import { OwnerLookup } from '../../src/ownership/owner-lookup.ts';
import { Replicator, type ReplicatorSettings } from '../../src/ownership/replicator.ts';
import { RotationProofs } from '../../src/ownership/rotation-proof.ts';
import type { Session } from '../../src/ownership/session.ts';
import { formatId } from '../../src/ownership/session-id.ts';
import { SessionRecord } from '../../src/ownership/session-record.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { type Store, StoreError, silentEviction } from '../../src/store/store.ts';
import { Entry, SessionTable } from '../../src/table/table.ts';
import { sessionOf as anySession } from './session.ts';

export const seconds = 1_800_000_000;
const affinity: Affinity = { name: 'cookie', lifetime: 1, recognise: () => false };
export const nothing: SessionCommand = { put: null, ended: 0, rotate: '' };

export function startReplication(change: Partial<ReplicatorSettings> = {}, failing = false) {
  const table = SessionTable.create({ capacity: 1000 });
  table.setLifetime(1, { idle: 600, absolute: 0 });
  const store = new MemoryStore(
    { tombstoneTime: 1000, stateBytes: 5000, maxBytes: 2 ** 20, eviction: silentEviction },
    () => seconds * 1000,
  );
  const broken = () => Promise.reject(new StoreError('unavailable', 'down'));
  const counters = new Counters();
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = [1, 2].map((slot) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot + 100, slot, load);
  }) as [Server, Server];
  const fleet = new Fleet([a, b], { panicThreshold: 0, slowStart: 0 }, load, 3);
  const settings: ReplicatorSettings = {
    pool: 'shop',
    replication: 'sync',
    degrade: false,
    timeoutMs: 1000,
    maxLag: 2,
    secret: '',
    claimTtlMs: 60_000,
    ...change,
  };
  const used: Store = failing
    ? Object.assign(store, { put: broken, claim: broken, read: broken, destroy: broken })
    : store;
  const proofs = new RotationProofs([Buffer.alloc(32, 'k')], 'shop');
  const reported: string[] = [];
  const events: SessionEvents = {
    ownerChanged: ({ name }) => void reported.push(name),
    fenced: (_pool, tag, server, reason) => void reported.push(`fenced ${tag} ${server}: ${reason}`),
    ended: (_pool, tag, server, reason) => void reported.push(`ended ${tag} ${server}: ${reason}`),
  };
  const parts = {
    store: used,
    table,
    fleet,
    counters,
    events,
    proofs,
    newKeys: null,
    storeUrlOf: String,
    now: () => seconds,
    wall: () => seconds,
  };
  const worker = () => {
    const record = new SessionRecord(table, fleet, { copies: true, owners: false });
    return {
      replicator: new Replicator(settings, parts),
      owners: new OwnerLookup(record, counters),
      claims: new OwnerClaims(record, counters),
    };
  };
  const out = new Entry();
  const look = (session: Session) => {
    const { sid0, sid1 } = session.recognition;
    const state = table.find({ hi: sid0, lo: sid1 }, seconds, out);
    return state === 'live'
      ? { server: out.server, epoch: out.epoch, version: out.version, claiming: out.claiming }
      : state;
  };
  return { table, store, counters, events, reported, a, b, fleet, worker, look };
}

export function sessionOf(change: Partial<Recognition> = {}): Session {
  return anySession({ affinity, sid0: 7, sid1: 8, sid2: 9, sid3: 10, epoch: 1, ...change });
}

export const idOf = ({ recognition }: Session): string => formatId(recognition);

export const putOf = (version: number, epoch = 1, rotate = ''): SessionCommand => ({
  put: { epoch, version, ttl: 60, by: 'p', data: Buffer.from(`v${version}`) },
  ended: 0,
  rotate,
});

export const keep = (replicator: Replicator, session: Session, server: Server, command: SessionCommand) =>
  new Promise<PutOutcome>((done) => {
    const outcome = replicator.responses.keep(session, server, command, done);
    if (outcome !== null) done(outcome);
  });
export const claim = (replicator: Replicator, session: Session, server: Server) =>
  new Promise<boolean>((done) => replicator.queries.announce(session, server, (outcome) => done(outcome === 'known')));
export const lookUp = (replicator: Replicator, session: Session) =>
  new Promise<boolean>((done) =>
    replicator.queries.query(session, (outcome) => done(outcome === 'known' || outcome === 'ended')),
  );
