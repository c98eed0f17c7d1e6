/** What happened since this page was opened, newest first. */
import { useMemo, useState } from 'preact/hooks';
import type { EventView } from '../api/types.ts';
import { route, serverLink } from '../state/route.ts';
import { events, isFollowing } from '../state/store.ts';
import { clock, short } from '../ui/format.ts';
import { Empty } from '../ui/parts.tsx';
import { VirtualRows } from '../ui/virtual-rows.tsx';

const groups = ['server', 'session', 'pool', 'config', 'worker', 'store', 'certificate', 'limit'] as const;
const bad = /\.(down|outage|refused|lost|fenced)$|^worker\.replaced$/;
const notable = /\.(rescued|drained|expires|hit|dropped)$/;

export function Events() {
  const [group, setGroup] = useState('all');
  const [filter, setFilter] = useState(route.value.query.get('filter') ?? '');
  const all = events.value;
  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    return all.filter(
      (event) =>
        (group === 'all' || event.name.startsWith(`${group}.`)) &&
        (wanted === '' || `${event.name} ${Object.values(event.fields).join(' ')}`.toLowerCase().includes(wanted)),
    );
  }, [all, group, filter]);
  return (
    <section class="view view-list" aria-labelledby="events-title">
      <header class="view-head">
        <h1 id="events-title">Events</h1>
        <div class="filters">
          <label class="field">
            <span class="visually-hidden">Filter events</span>
            <input
              type="search"
              placeholder="Server, session, reason"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
          </label>
          <label class="field">
            <span class="visually-hidden">Kind</span>
            <select value={group} onChange={(event) => setGroup(event.currentTarget.value)}>
              <option value="all">all kinds</option>
              {groups.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <span class="count" role="status">
            {short(shown.length)} shown{isFollowing.value ? '' : ', not connected'}
          </span>
        </div>
      </header>
      {shown.length === 0 ? (
        <Empty>{all.length === 0 ? 'Nothing has happened yet.' : 'No event matches.'}</Empty>
      ) : (
        <VirtualRows
          label="Events"
          items={shown}
          rowHeight={44}
          columns={3}
          keyOf={(event) => String(event.id)}
          head={
            <>
              <span role="columnheader" class="cell cell-time">
                Time
              </span>
              <span role="columnheader" class="cell cell-event">
                Event
              </span>
              <span role="columnheader" class="cell cell-fields">
                What
              </span>
            </>
          }
          render={(event) => (
            <>
              <span role="cell" class="cell cell-time">
                {clock(event.time)}
              </span>
              <span role="cell" class="cell cell-event">
                <span class={`dot ${toneOf(event.name)}`} aria-hidden="true" />
                {event.name}
              </span>
              <span role="cell" class="cell cell-fields">
                {textOf(event)}
              </span>
            </>
          )}
          onOpen={({ fields }) => {
            const server = fields.server ?? fields.to;
            if (typeof fields.session === 'string') setFilter(fields.session);
            else if (typeof fields.pool === 'string' && typeof server === 'string')
              location.hash = serverLink(fields.pool, server, 'events');
          }}
        />
      )}
    </section>
  );
}

export function EventLine({ event }: { event: EventView }) {
  return (
    <>
      <time dateTime={new Date(event.time).toISOString()}>{clock(event.time)}</time>
      <span class={`dot ${toneOf(event.name)}`} aria-hidden="true" />
      <span>
        {event.name} <span class="muted">{textOf(event)}</span>
      </span>
    </>
  );
}

function toneOf(name: string): string {
  return bad.test(name) ? 'dot-bad' : notable.test(name) ? 'dot-warn' : 'dot-quiet';
}

export function textOf({ fields }: EventView): string {
  const { pool, server, session, from, to, reason, ...more } = fields;
  const parts = [
    pool !== undefined && server !== undefined ? `${pool}/${server}` : '',
    pool !== undefined && server === undefined && from === undefined ? String(pool) : '',
    session !== undefined ? `session ${session}` : '',
    from !== undefined && to !== undefined ? `${pool}/${from} → ${to}` : '',
    reason !== undefined && reason !== null && reason !== '' ? String(reason) : '',
    ...Object.entries(more).map(([name, value]) => `${name} ${value}`),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
