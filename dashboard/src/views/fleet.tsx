/** The balancers of the fleet, as this one knows them; nothing without a fleet. */
import type { FleetView } from '../api/types.ts';
import { fleet } from '../state/store.ts';
import { rate, short } from '../ui/format.ts';

export function Fleet() {
  const now = fleet.value;
  if (now === null) return null;
  const live = now.nodes.filter(({ state }) => state === 'live').length;
  return (
    <section class="card" aria-labelledby="fleet">
      <header class="card-head">
        <h2 id="fleet">Fleet</h2>
        <p class="movement">
          {now.connected ? `${live} of ${now.nodes.length} nodes are there` : `cut off: ${now.reason ?? ''}`}
        </p>
      </header>
      <ul class="fleet">
        {now.nodes.map((node) => (
          <Node key={node.id} node={node} />
        ))}
      </ul>
      {now.pools.map(({ name, sessions, requestsPerSecond }) => (
        <p key={name} class="pool-copies">
          {name}: {sessions.atLeast === sessions.atMost ? '' : `${short(sessions.atLeast)} to `}
          {short(sessions.atMost)} sessions, {rate(requestsPerSecond)} requests / s at all nodes
        </p>
      ))}
    </section>
  );
}

function Node({ node }: { node: FleetView['nodes'][number] }) {
  const { name, self, state, silentMs, version, runtime, clockAheadMs, pending, failure, differs } = node;
  const facts = [
    state === 'live' ? 'there' : `gone for ${Math.round(silentMs / 1000)} s`,
    `${version} ${runtime}`,
    `clock ${clockAheadMs < 0 ? '−' : '+'}${(Math.abs(clockAheadMs) / 1000).toFixed(1)} s`,
    pending === 0 ? 'orders done' : `${pending} orders to do${failure === null ? '' : `: ${failure}`}`,
    ...(differs.length === 0 ? [] : [`differs in ${differs.join(', ')}`]),
  ];
  return (
    <li>
      <strong>{name}</strong>
      {self && ' (this one)'}: {facts.join(' · ')}
    </li>
  );
}
