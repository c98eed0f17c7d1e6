/** Two servers, and as many workers as wanted that share their session table. */
import type { Affinity, Recognition } from '../../src/affinity/affinity.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { Load } from '../../src/fleet/load.ts';
import { Server } from '../../src/fleet/server.ts';
import { Counters } from '../../src/metrics/counters.ts';
import { OwnerClaims } from '../../src/ownership/owner-claims.ts';
import { OwnerLookup } from '../../src/ownership/owner-lookup.ts';
import type { Session } from '../../src/ownership/session.ts';
import { SessionRecord } from '../../src/ownership/session-record.ts';
import { SessionTable } from '../../src/table/table.ts';
import { sessionOf as anySession } from './session.ts';

export const now = 1_800_000_000;
export const affinity: Affinity = { name: 'learn', lifetime: 1, recognise: () => false };

export function startOwners() {
  const table = SessionTable.create({ capacity: 1000 });
  table.setLifetime(1, { idle: 600, absolute: 0 });
  const counters = new Counters();
  const load = new Load(Load.create(4, 1), 4, 0);
  const [a, b] = [1, 2].map((slot) => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: slot } as const;
    return new Server({ name: `s${slot}`, address, weight: 1, maxRequests: 0 }, slot + 100, slot, load);
  }) as [Server, Server];
  const fleetOf = (servers: Server[]) => new Fleet(servers, { panicThreshold: 0, slowStart: 0 }, load, 3);
  const worker = (servers = [a, b]) => {
    const record = new SessionRecord(SessionTable.attach(table.buffer, 1), fleetOf(servers), {
      copies: false,
      owners: false,
    });
    return { owners: new OwnerLookup(record, counters), claims: new OwnerClaims(record, counters) };
  };
  return { table, counters, fleet: fleetOf([a, b]), a, b, worker };
}

export const sessionOf = (change: Partial<Recognition>): Session =>
  anySession({ affinity, recognised: true, sid0: 7, sid1: 9, ...change });
export const named = () => sessionOf({ kind: 'key' });
export const token = (owner: Server, epoch: number) => sessionOf({ owner: owner.id, epoch });
