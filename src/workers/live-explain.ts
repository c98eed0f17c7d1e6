/** `limpet explain` inside a running balancer: with its config, its keys, the states of its servers, and what its table has. */
import type { ExplainRequest } from '../admin/schemas.ts';
import type { LimpetOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import { formatAddress } from '../net/socket.ts';
import { idWord } from '../ownership/session-id.ts';
import type { SingleWorker } from '../shared/single-worker.ts';
import { Entry, type SessionTable } from '../table/table.ts';
import { unixSeconds } from '../time/clock.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { recogniseIn, type SessionFinderDependencies } from './session-finder.ts';

export interface LiveExplainDependencies extends SessionFinderDependencies {
  readonly monitor: Pick<HealthMonitor, 'stateOf'>;
  readonly table: SessionTable;
  readonly random: () => number;
}

/** Sessions that the copied table must hold. */
const capacity = 1000;

/** Throws UsageError for a listener that the config does not have. */
export async function explainLive(
  asked: ExplainRequest,
  deps: LiveExplainDependencies,
): Promise<Record<string, unknown>> {
  const { monitor, clock, tableSecret, random } = deps;
  const options = deps.options();
  const listener = options.listeners.find(
    ({ address }) => asked.listener === undefined || formatAddress(address) === asked.listener,
  );
  if (listener === undefined) {
    const known = options.listeners.map(({ address }) => formatAddress(address)).join(', ');
    throw new UsageError(`there is no listener "${asked.listener}", expected one of ${known}`);
  }
  const request = Buffer.from(asked.request, 'latin1');
  const peer = asked.client ?? '127.0.0.1';
  const inState = (wanted: string) =>
    options.pools.flatMap(({ name, servers }) =>
      servers.filter((server) => monitor.stateOf(name, server.name).state === wanted).map((server) => server.name),
    );
  // Loaded late: it brings the balancer along.
  const [{ explain }, { inWords }, { readCapture }] = await Promise.all([
    import('../explain/explain.ts'),
    import('../explain/words.ts'),
    import('../explain/capture.ts'),
  ]);
  const { head } = readCapture(request);
  const answer = await explain(
    { ...options, table: { ...options.table, capacity } },
    {
      request,
      listener,
      peer,
      down: inState('down'),
      draining: inState('draining'),
      now: clock.now(),
      keys: 'config',
      tableSecret,
      loadTable: (into) => Promise.resolve(copySessions(into, head, peer, options, deps)),
      random,
    },
  );
  return { ...answer, text: inWords(answer) };
}

/** Of the live table only the sessions that the request names are copied. */
function copySessions(
  into: SingleWorker,
  head: Buffer,
  peer: string,
  { pools }: LimpetOptions,
  deps: LiveExplainDependencies,
) {
  const { table, clock, numbers } = deps;
  const { slots, lifetimes } = numbers();
  const names = new Map([...slots].map(([name, slot]) => [slot, name]));
  const kinds = new Map([...lifetimes].map(([name, number]) => [number, name]));
  const now = unixSeconds(clock);
  let sessions = 0;
  for (const pool of pools) {
    const id = recogniseIn(head, peer, pool, deps)?.id ?? null;
    if (id === null) continue;
    const key = { hi: idWord(id, 0), lo: idWord(id, 1) };
    const entry = new Entry();
    if (table.find(key, now, entry) !== 'live') continue;
    entry.server = into.numbers.slots.get(names.get(entry.server) ?? '') ?? 0;
    entry.lifetime = into.numbers.lifetimes.get(kinds.get(entry.lifetime) ?? '') ?? 0;
    if (entry.server !== 0 && into.shared.table.restore(key, entry, now)) sessions++;
  }
  return { source: 'saved' as const, savedAt: new Date(now * 1000).toISOString(), sessions, note: 'the live table' };
}
