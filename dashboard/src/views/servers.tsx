/** All servers as a table: filter, sort, open one; d drains and r makes ready. */
import { useMemo, useState } from 'preact/hooks';
import type { ServerView } from '../api/types.ts';
import { access } from '../state/access.ts';
import { askServer } from '../state/actions.ts';
import { route, serverLink } from '../state/route.ts';
import { pools, servers } from '../state/store.ts';
import { short } from '../ui/format.ts';
import { Empty, SessionMeter, StateBadge } from '../ui/parts.tsx';
import { VirtualRows } from '../ui/virtual-rows.tsx';

type Column = 'server' | 'state' | 'inflight' | 'sessions' | 'uncopied' | 'weight';

const columns: readonly { column: Column; name: string }[] = [
  { column: 'server', name: 'Server' },
  { column: 'state', name: 'State' },
  { column: 'inflight', name: 'In flight' },
  { column: 'sessions', name: 'Sessions' },
  { column: 'uncopied', name: 'Without copy' },
  { column: 'weight', name: 'Weight' },
];

const stateOrder = { down: 0, draining: 1, up: 2 } as const;
const rowHeight = 52;

/** Names with numbers in the order of the numbers. */
const names = new Intl.Collator('en', { numeric: true });

export function Servers() {
  const [filter, setFilter] = useState('');
  const [state, setState] = useState('all');
  const [sort, setSort] = useState<{ column: Column; isUp: boolean }>({ column: 'server', isUp: true });
  const pool = route.value.query.get('pool') ?? '';
  const all = servers.value;
  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    return all
      .filter(
        (server) =>
          (pool === '' || server.pool === pool) &&
          (state === 'all' || server.state === state) &&
          (wanted === '' || `${server.pool}/${server.name} ${server.address}`.toLowerCase().includes(wanted)),
      )
      .sort((a, b) => (sort.isUp ? 1 : -1) * compare(a, b, sort.column));
  }, [all, filter, state, sort, pool]);
  const most = all.reduce((sum, { sessions }) => Math.max(sum, sessions.live), 0);
  const open = ({ pool, name }: ServerView) => {
    location.hash = serverLink(pool, name);
  };
  return (
    <section class="view view-list" aria-labelledby="servers-title">
      <header class="view-head">
        <h1 id="servers-title">Servers</h1>
        <div class="filters">
          <label class="field">
            <span class="visually-hidden">Filter by name or address</span>
            <input
              type="search"
              placeholder="Name or address"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
          </label>
          {pools.value.length > 1 && (
            <label class="field">
              <span class="visually-hidden">Pool</span>
              <select
                value={pool}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  location.hash = value === '' ? '#/servers' : `#/servers?pool=${encodeURIComponent(value)}`;
                }}
              >
                <option value="">all pools</option>
                {pools.value.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
          <label class="field">
            <span class="visually-hidden">State</span>
            <select value={state} onChange={(event) => setState(event.currentTarget.value)}>
              <option value="all">any state</option>
              <option>up</option>
              <option>draining</option>
              <option>down</option>
            </select>
          </label>
          <span class="count" role="status">
            {short(shown.length)} shown
          </span>
        </div>
      </header>
      {shown.length === 0 ? (
        <Empty>No server matches.</Empty>
      ) : (
        <VirtualRows
          label="Servers"
          items={shown}
          rowHeight={rowHeight}
          columns={columns.length + 1}
          keyOf={(server) => `${server.pool}/${server.name}`}
          head={
            <>
              {columns.map(({ column, name }) => (
                <span
                  key={column}
                  role="columnheader"
                  class={`cell cell-${column}`}
                  aria-sort={sort.column !== column ? 'none' : sort.isUp ? 'ascending' : 'descending'}
                >
                  <button
                    type="button"
                    class="sorter"
                    onClick={() =>
                      setSort({
                        column,
                        isUp: sort.column === column ? !sort.isUp : column === 'server' || column === 'state',
                      })
                    }
                  >
                    {name}
                    <span class="sorter-arrow" aria-hidden="true">
                      {sort.column !== column ? '' : sort.isUp ? '↑' : '↓'}
                    </span>
                  </button>
                </span>
              ))}
              <span role="columnheader" class="cell cell-action">
                <span class="visually-hidden">Change</span>
              </span>
            </>
          }
          render={(server) => <Cells server={server} most={most} />}
          onOpen={open}
          onKey={(server, key) => {
            if (access.value !== 'operator') return;
            if (key === 'd') askServer(server, 'drain');
            if (key === 'r') askServer(server, 'ready');
          }}
        />
      )}
      <p class="hint">
        Arrow keys go through the rows, <kbd>Enter</kbd> opens one
        {access.value === 'operator' ? (
          <>
            , <kbd>d</kbd> drains it, <kbd>r</kbd> makes it ready
          </>
        ) : (
          ''
        )}
        .
      </p>
    </section>
  );
}

function Cells({ server, most }: { server: ServerView; most: number }) {
  const { sessions, inflight, waiting = 0, weight } = server;
  const isReady = server.state === 'up' && !server.drained;
  return (
    <>
      <span role="cell" class="cell cell-server">
        <strong>
          <span class="cell-pool">{server.pool}/</span>
          {server.name}
        </strong>
        <small>{server.address}</small>
      </span>
      <span role="cell" class="cell cell-state">
        <StateBadge state={server.state} drained={server.drained} />
      </span>
      <span role="cell" class="cell cell-inflight">
        {short(inflight)}
        {waiting > 0 && <small> +{short(waiting)}</small>}
      </span>
      <span role="cell" class="cell cell-sessions">
        <span>{short(sessions.live)}</span>
        <SessionMeter sessions={sessions} most={most} />
      </span>
      <span role="cell" class="cell cell-uncopied">
        {short(sessions.uncopied)}
      </span>
      <span role="cell" class="cell cell-weight">
        {weight}
      </span>
      <span role="cell" class="cell cell-action">
        {access.value === 'operator' && (
          <button
            type="button"
            class="button button-small"
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              askServer(server, isReady ? 'drain' : 'ready');
            }}
          >
            {isReady ? 'Drain' : 'Ready'}
          </button>
        )}
      </span>
    </>
  );
}

function compare(a: ServerView, b: ServerView, column: Column): number {
  const byName = names.compare(`${a.pool}/${a.name}`, `${b.pool}/${b.name}`);
  const difference = {
    server: byName,
    state: stateOrder[a.state] - stateOrder[b.state],
    inflight: a.inflight - b.inflight,
    sessions: a.sessions.live - b.sessions.live,
    uncopied: a.sessions.uncopied - b.sessions.uncopied,
    weight: a.weight - b.weight,
  }[column];
  return difference || byName;
}
