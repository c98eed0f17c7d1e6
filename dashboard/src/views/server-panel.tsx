/** One server: what it does, what would be lost with it, and what an operator can do about it. */
import { useState } from 'preact/hooks';
import type { ServerView } from '../api/types.ts';
import { access } from '../state/access.ts';
import { askServer, count, setWeight } from '../state/actions.ts';
import { route } from '../state/route.ts';
import { events, servers } from '../state/store.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ago, short, span, timeOf } from '../ui/format.ts';
import { copiedText, Figure, SessionMeter, StateBadge } from '../ui/parts.tsx';
import { EventLine } from './events.tsx';

const shownEvents = 8;

export function ServerPanel() {
  const open = route.value.server;
  if (open === null) return null;
  const server = servers.value.find(({ pool, name }) => pool === open.pool && name === open.name);
  const close = () => {
    location.hash = `#/${route.value.view}`;
  };
  return (
    <Dialog title={`${open.pool}/${open.name}`} kind="panel" onClose={close} key={`${open.pool}/${open.name}`}>
      {server === undefined ? <p>There is no such server any more.</p> : <Details server={server} />}
    </Dialog>
  );
}

function Details({ server }: { server: ServerView }) {
  const { sessions, inflight, waiting = 0, streams = 0, tunnels = 0 } = server;
  const since = timeOf(server.since);
  const recent = events.value
    .filter(
      ({ fields }) => fields.pool === server.pool && [fields.server, fields.from, fields.to].includes(server.name),
    )
    .slice(0, shownEvents);
  return (
    <>
      <p class="panel-state">
        <StateBadge state={server.state} drained={server.drained} />
        <span>{server.address}</span>
        {since !== null && <span class="muted">for {span(Date.now() - since)}</span>}
      </p>
      {server.reason ? <p class="panel-reason">{server.reason}</p> : null}
      <dl class="figures figures-small">
        <Figure name="Sessions" value={short(sessions.live)} />
        <Figure name="In flight" value={short(inflight)} note={waiting > 0 ? `${short(waiting)} waiting` : undefined} />
        <Figure name="Streams" value={short(streams)} />
        <Figure name="Tunnels" value={short(tunnels)} />
      </dl>
      <SessionMeter sessions={sessions} most={sessions.live} />
      <p class="muted">{copiedText(sessions)}</p>
      <StopNote server={server} />
      {access.value === 'operator' && <Controls server={server} />}
      <dl class="pairs">
        <dt>Last check</dt>
        <dd>{checkText(server.lastCheck)}</dd>
        <dt>Weight</dt>
        <dd>{access.value === 'operator' ? <Weight server={server} /> : server.weight}</dd>
        <dt>Most requests at once</dt>
        <dd>{server.maxRequests ? short(server.maxRequests) : 'no limit'}</dd>
        {server.source === 'api' && (
          <>
            <dt>Added by</dt>
            <dd>the API</dd>
          </>
        )}
      </dl>
      <p>
        <a href={`#/sessions?pool=${encodeURIComponent(server.pool)}&server=${encodeURIComponent(server.name)}`}>
          Its sessions
        </a>
      </p>
      <h3>Events</h3>
      {recent.length === 0 ? (
        <p class="muted">None since this page was opened.</p>
      ) : (
        <ol class="events-short">
          {recent.map((event) => (
            <li key={event.id}>
              <EventLine event={event} />
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

/** The answer to the question that matters before a stop. */
function StopNote({ server }: { server: ServerView }) {
  const { sessions, inflight, streams = 0, tunnels = 0 } = server;
  const parts = [
    inflight > 0 ? count(inflight, 'exchange') : '',
    streams > 0 ? count(streams, 'stream') : '',
    tunnels > 0 ? count(tunnels, 'tunnel') : '',
    sessions.uncopied > 0 ? `${count(sessions.uncopied, 'session')} without a copy` : '',
  ].filter((part) => part !== '');
  if (parts.length === 0) return <p class="note note-good">It can be stopped now without a loss.</p>;
  return <p class="note note-warn">Stopped now, it would lose {parts.join(', ')}.</p>;
}

function Controls({ server }: { server: ServerView }) {
  return (
    <div class="controls">
      <button
        type="button"
        class="button button-main"
        disabled={server.drained}
        onClick={() => askServer(server, 'drain')}
      >
        Drain
      </button>
      <button
        type="button"
        class="button"
        disabled={server.state === 'up' && !server.drained}
        onClick={() => askServer(server, 'ready')}
      >
        Make ready
      </button>
      <button type="button" class="button button-bad" onClick={() => askServer(server, 'down')}>
        Take down
      </button>
    </div>
  );
}

function Weight({ server }: { server: ServerView }) {
  const [value, setValue] = useState<string | null>(null);
  return (
    <form
      class="weight"
      onSubmit={(event) => {
        event.preventDefault();
        const weight = Number(value ?? server.weight);
        if (Number.isInteger(weight)) void setWeight(server, weight).then(() => setValue(null));
      }}
    >
      <input
        aria-label="Weight"
        type="number"
        min="0"
        max="65535"
        step="1"
        value={value ?? String(server.weight)}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <button type="submit" class="button button-small" disabled={value === null || value === String(server.weight)}>
        Set
      </button>
    </form>
  );
}

function checkText(check: ServerView['lastCheck']): string {
  if (check === null || check === undefined) return 'none';
  const time = timeOf(check.at);
  return `${check.problem ?? 'passed'}${time === null ? '' : `, ${ago(time)}`}`;
}
