/** Metrics of the fleet, as this node knows it: who is there, and what is not as it should be. */
import { type Family, labelText, sample } from './exposition.ts';
import { one } from './process-families.ts';

export interface FleetFigures {
  /** Nodes that have renewed their lease, this one included. */
  readonly nodes: number;
  readonly isCutOff: boolean;
  /** Nodes with another config than this one. */
  readonly differing: number;
  readonly clockAheadSeconds: number;
  readonly revisionBehind: number;
  readonly pools: readonly {
    readonly name: string;
    readonly requestsPerSecond: number;
    readonly sessions: { readonly atLeast: number; readonly atMost: number };
  }[];
}

export function fleetFamilies(figures: FleetFigures): Family[] {
  const { nodes, isCutOff, differing, clockAheadSeconds, revisionBehind, pools } = figures;
  return [
    one('limpet_fleet_nodes', 'gauge', 'Nodes of the fleet that are there, this one included.', nodes),
    one('limpet_fleet_cut_off', 'gauge', '1: this node cannot reach the store of the fleet.', isCutOff ? 1 : 0),
    one('limpet_fleet_nodes_differing', 'gauge', 'Nodes that have another config than this one.', differing),
    one(
      'limpet_fleet_clock_ahead_seconds',
      'gauge',
      'Seconds by which the clock of this machine is ahead of the one of the store.',
      clockAheadSeconds,
    ),
    one(
      'limpet_fleet_revision_behind',
      'gauge',
      'Revisions of the shared orders that this node has not carried out.',
      revisionBehind,
    ),
    {
      name: 'limpet_fleet_sessions_at_least',
      type: 'gauge',
      help: 'Sessions in the table of the node that has most of them: at least as many there are.',
      samples: pools.map(({ name, sessions }) => sample(labelText({ pool: name }), sessions.atLeast)),
    },
    {
      name: 'limpet_fleet_sessions_at_most',
      type: 'gauge',
      help: 'Sessions in the tables of all nodes; one that several nodes have served counts for each.',
      samples: pools.map(({ name, sessions }) => sample(labelText({ pool: name }), sessions.atMost)),
    },
    {
      name: 'limpet_fleet_requests_per_second',
      type: 'gauge',
      help: 'Requests per second at all nodes, over the last ten.',
      samples: pools.map(({ name, requestsPerSecond }) => sample(labelText({ pool: name }), requestsPerSecond)),
    },
  ];
}
