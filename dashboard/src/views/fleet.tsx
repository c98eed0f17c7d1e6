/** The balancers of the fleet, as this one knows them; nothing without a fleet. */
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
      <div class="fleet-frame">
        <table class="fleet">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              <th scope="col">Version</th>
              <th scope="col">Clock</th>
              <th scope="col">Orders</th>
              <th scope="col">Differs from this one</th>
            </tr>
          </thead>
          <tbody>
            {now.nodes.map((node) => (
              <tr key={node.id}>
                <th scope="row">
                  {node.name}
                  {node.self && <small> (this one)</small>}
                </th>
                <td>{node.state === 'live' ? 'there' : `gone for ${Math.round(node.silentMs / 1000)} s`}</td>
                <td>
                  {node.version} {node.runtime}
                </td>
                <td>{(node.clockAheadMs / 1000).toFixed(1)} s</td>
                <td>{node.pending === 0 ? 'done' : (node.failure ?? `${node.pending} to do`)}</td>
                <td>{node.differs.length === 0 ? '–' : node.differs.join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {now.pools.map(({ name, sessions, requestsPerSecond }) => (
        <p key={name} class="pool-copies">
          {name}: {sessions.atLeast === sessions.atMost ? '' : `${short(sessions.atLeast)} to `}
          {short(sessions.atMost)} sessions, {rate(requestsPerSecond)} requests / s at all nodes
        </p>
      ))}
    </section>
  );
}
