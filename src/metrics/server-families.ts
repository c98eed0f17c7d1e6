/** What is known of each pool and each server as metrics. The labels are names of the config, and short lists of words. */
import { duration, type SlotStats } from './exchange-stats.ts';
import { type Family, type LabelText, type Sample, sample, samplesOf } from './exposition.ts';

export interface PoolFigures {
  readonly labels: LabelText;
  readonly stats: SlotStats;
  readonly servers: number;
  /** Servers that take new sessions. */
  readonly usable: number;
  readonly inflight: number;
  readonly waiting: number;
  /** Sessions of the usable server that has most for its weight, over the mean; 0: there are none. */
  readonly skew: number;
}

export interface ServerFigures {
  readonly labels: LabelText;
  readonly stats: SlotStats;
  readonly isUp: boolean;
  readonly isDrained: boolean;
  readonly weight: number;
  readonly inflight: number;
  readonly streams: number;
  readonly tunnels: number;
  readonly copied: number;
  readonly uncopied: number;
}

const classes = [1, 2, 3, 4, 5].map((group) => `,class="${group}xx"`);

const durations = [
  ['connect', duration.connect, 'Seconds that a connection to a server took, TLS included.'],
  [
    'first_byte',
    duration.firstByte,
    "Seconds from the request's first byte to that of the server's response, waiting for a place included.",
  ],
  ['request', duration.total, "Seconds from the request's first byte to the end of the response. Without tunnels."],
] as const;

export function poolFamilies(pools: readonly PoolFigures[]): Family[] {
  const gauge = gaugesOf('limpet_pool_', pools);
  return [
    gauge('servers', 'Servers of the pool.', ({ servers }) => servers),
    gauge('servers_usable', 'Servers of the pool that take new sessions.', ({ usable }) => usable),
    gauge('requests_active', 'Exchanges that run at servers of the pool now.', ({ inflight }) => inflight),
    gauge('requests_waiting', 'Requests that wait for a server with room now.', ({ waiting }) => waiting),
    gauge(
      'session_skew_ratio',
      'Sessions of the usable server that has most for its weight, over the mean of all. 1: even.',
      ({ skew }) => skew,
    ),
    ...exchangeFamilies('limpet_pool_', pools),
    {
      name: 'limpet_affinity_total',
      type: 'counter',
      help: 'Exchanges by what the request brought of a session, and what the response did with it: flags of the access log.',
      samples: pools.flatMap(({ labels, stats }) =>
        stats.verdicts.map(([request, response, value]) =>
          sample(labels, value, `,request="${request}",response="${response}"`),
        ),
      ),
    },
  ];
}

/** `isSparse`: without samples that are 0 for most servers. A fleet of thousands has more of them than anybody wants to store. */
export function serverFamilies(servers: readonly ServerFigures[], isSparse: boolean): Family[] {
  const gauge = gaugesOf('limpet_server_', servers);
  const rare = isSparse ? sparse : (family: Family) => family;
  return [
    gauge('up', '1: health checks and traffic find it well. 0: it is down.', ({ isUp }) => Number(isUp)),
    rare(gauge('drained', '1: an operator has drained it.', ({ isDrained }) => Number(isDrained))),
    gauge('weight', 'Its share of new sessions against its peers.', ({ weight }) => weight),
    gauge('requests_active', 'Exchanges that run there now.', ({ inflight }) => inflight),
    rare(gauge('streams_open', 'Responses that go on, such as server-sent events and gRPC.', ({ streams }) => streams)),
    rare(gauge('tunnels_open', 'WebSockets and other upgraded connections.', ({ tunnels }) => tunnels)),
    rare({
      name: 'limpet_server_sessions',
      type: 'gauge',
      help: 'Sessions that it owns, by whether the store has a copy. Expired ones count until they are swept, within a minute.',
      samples: lazily(function* () {
        for (const { labels, copied, uncopied } of servers) {
          yield sample(labels, copied, ',copied="true"');
          yield sample(labels, uncopied, ',copied="false"');
        }
      }),
    }),
    {
      name: 'limpet_server_failures_total',
      type: 'counter',
      help: 'Attempts that failed at the server, or on the way to it.',
      samples: lazily(function* () {
        for (const { labels, stats } of servers) {
          for (const [reason, value] of stats.failures) yield sample(labels, value, `,reason="${reason}"`);
        }
      }),
    },
    ...exchangeFamilies('limpet_server_', servers, rare),
  ];
}

interface Figures {
  readonly labels: LabelText;
  readonly stats: SlotStats;
}

function exchangeFamilies(prefix: string, all: readonly Figures[], rare = (family: Family) => family): Family[] {
  return [
    counter(prefix, 'requests_total', 'Exchanges that ended there.', all, ({ requests }) => requests),
    rare({
      name: `${prefix}responses_total`,
      type: 'counter',
      help: 'Responses, by class of status.',
      samples: lazily(function* () {
        for (const { labels, stats } of all) {
          // Interim responses and upgrades are rare.
          for (const [i, value] of stats.responses.entries()) {
            if (i > 0 || value > 0) yield sample(labels, value, classes[i]);
          }
        }
      }),
    }),
    rare(
      counter(
        prefix,
        'retries_total',
        'Requests that failed there, and were sent again.',
        all,
        ({ retries }) => retries,
      ),
    ),
    ...durations.map(
      ([name, what, help]): Family => ({
        name: `${prefix}${name}_duration_seconds`,
        type: 'histogram',
        help,
        samples: lazily(function* () {
          for (const { labels, stats } of all) {
            const distribution = stats.durations[what];
            if (distribution !== undefined) yield* samplesOf(labels, distribution);
          }
        }),
      }),
    ),
  ];
}

function sparse(family: Family): Family {
  const { samples } = family;
  return {
    ...family,
    samples: lazily(function* () {
      for (const one of samples) if (one.value !== 0) yield one;
    }),
  };
}

/** Samples that are made when they are written. */
function lazily(make: () => Generator<Sample>): Iterable<Sample> {
  return { [Symbol.iterator]: make };
}

function each<One extends Figures>(all: readonly One[], figure: (one: One) => number): Iterable<Sample> {
  return lazily(function* () {
    for (const one of all) yield sample(one.labels, figure(one));
  });
}

function counter(
  prefix: string,
  name: string,
  help: string,
  all: readonly Figures[],
  figure: (stats: SlotStats) => number,
): Family {
  return { name: `${prefix}${name}`, type: 'counter', help, samples: each(all, ({ stats }) => figure(stats)) };
}

function gaugesOf<One extends Figures>(
  prefix: string,
  all: readonly One[],
): (name: string, help: string, figure: (one: One) => number) => Family {
  return (name, help, figure) => ({
    name: `${prefix}${name}`,
    type: 'gauge',
    help,
    samples: each(all, figure),
  });
}
