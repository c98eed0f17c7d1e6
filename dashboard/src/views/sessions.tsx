/** Find one session and read its story; or page through those of a pool or server. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SessionPage, SessionView } from '../api/types.ts';
import { access } from '../state/access.ts';
import { askEnd, askMove } from '../state/actions.ts';
import { route } from '../state/route.ts';
import { client, events, pools, servers } from '../state/store.ts';
import { ago, short, timeOf } from '../ui/format.ts';
import { Empty } from '../ui/parts.tsx';
import { VirtualRows } from '../ui/virtual-rows.tsx';
import { EventLine } from './events.tsx';

const kinds = [
  { kind: 'cookie', name: 'Cookie header' },
  { kind: 'token', name: "Value of Limpet's cookie" },
  { kind: 'id', name: 'Session id, 16 or 32 digits' },
  { kind: 'headers', name: 'Header line' },
  { kind: 'path', name: 'Path' },
  { kind: 'client', name: 'Client address' },
] as const;

const pageSize = 200;
const examples: Readonly<Record<string, string>> = {
  headers: 'Mcp-Session-Id: …',
  path: '/shop;jsessionid=…',
  client: '203.0.113.7',
};

export function Sessions() {
  const wanted = route.value.query.get('find');
  return (
    <section class="view" aria-labelledby="sessions-title">
      <header class="view-head">
        <h1 id="sessions-title">Sessions</h1>
      </header>
      <Finder key={wanted ?? ''} wanted={wanted} />
      <Browser />
    </section>
  );
}

/** What the API says of a session, whatever else it says. */
type Found = Readonly<Record<string, unknown>>;

function Finder({ wanted }: { wanted: string | null }) {
  const [kind, setKind] = useState<string>(wanted === null ? 'cookie' : 'id');
  const [pool, setPool] = useState('');
  const [text, setText] = useState(wanted ?? '');
  const [result, setResult] = useState<readonly Found[] | string | null>(null);
  const find = async () => {
    if (text.trim() === '') return;
    try {
      const body = { [kind]: wantedBy(kind, text.trim()), ...(pool === '' ? {} : { pool }) };
      const { found } = await client.send<{ found: readonly Found[] }>('POST', '/v1/sessions/find', body);
      setResult(found.length === 0 ? 'No pool recognises a session in it.' : found);
    } catch (error) {
      setResult(error instanceof Error ? error.message : String(error));
    }
  };
  useEffect(() => {
    if (wanted !== null) void find();
  }, []);
  return (
    <div class="card">
      <form
        class="finder"
        onSubmit={(event) => {
          event.preventDefault();
          void find();
        }}
      >
        <label class="field">
          <span>Find by</span>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            {kinds.map((one) => (
              <option key={one.kind} value={one.kind}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
        {pools.value.length > 1 && (
          <label class="field">
            <span>Pool</span>
            <select value={pool} onChange={(event) => setPool(event.currentTarget.value)}>
              <option value="">any</option>
              {pools.value.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        <label class="field field-wide">
          <span>What the client sends</span>
          <input
            type="text"
            class="mono"
            autocomplete="off"
            spellcheck={false}
            value={text}
            placeholder={kind === 'cookie' ? 'limpet=AQ…' : (examples[kind] ?? '')}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button button-main">
          Find
        </button>
      </form>
      <div role="status">
        {typeof result === 'string' && <p class="note note-warn">{result}</p>}
        {result !== null &&
          typeof result === 'object' &&
          result.map((found) => <Story key={`${found.pool} ${found.affinity}`} found={found} again={find} />)}
      </div>
    </div>
  );
}

/** A header line becomes a map. */
function wantedBy(kind: string, text: string): string | Record<string, string> {
  if (kind !== 'headers') return text;
  const colon = text.indexOf(':');
  return { [text.slice(0, colon).trim()]: text.slice(colon + 1).trim() };
}

/** Where the session is, since when and why; then what happened to it while this page was open. */
function Story({ found, again }: { found: Found; again: () => void }) {
  const session = (typeof found.session === 'object' && found.session !== null ? found.session : found) as Found;
  const pool = String(session.pool ?? found.pool ?? '');
  const id = String(found.id ?? session.id ?? '');
  const server = found.server ?? session.server ?? null;
  const tag = String(found.tag ?? id.slice(0, 8));
  const own = events.value.filter(
    ({ fields }) => fields.session !== undefined && [tag, id].includes(String(fields.session)),
  );
  const facts = factsOf({ ...session, ...found, id });
  return (
    <article class="story" aria-label="The session">
      <p class="story-lead">
        {typeof server === 'string' ? (
          <>
            The session is at home on <strong>{`${pool}/${server}`}</strong>
            {typeof session.epoch === 'number' && session.epoch > 1 ? `, its ${ordinal(session.epoch)} owner` : ''}.
          </>
        ) : (
          'The session has no server now.'
        )}
      </p>
      <dl class="pairs">
        {facts.map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd class={/id|token/i.test(name) ? 'mono' : ''}>{value}</dd>
          </>
        ))}
      </dl>
      {own.length > 0 && (
        <ol class="events-short">
          {own.map((event) => (
            <li key={event.id}>
              <EventLine event={event} />
            </li>
          ))}
        </ol>
      )}
      {access.value === 'operator' && id !== '' && <SessionControls pool={pool} id={id} owner={server} again={again} />}
    </article>
  );
}

function SessionControls(props: { pool: string; id: string; owner: unknown; again: () => void }) {
  const others = servers.value.filter(
    ({ pool, name, state }) => pool === props.pool && name !== props.owner && state === 'up',
  );
  const [chosen, setChosen] = useState('');
  const to = chosen === '' ? (others[0]?.name ?? '') : chosen;
  return (
    <div class="controls">
      {others.length > 0 && (
        <>
          <label class="field">
            <span class="visually-hidden">Move to</span>
            <select value={to} onChange={(event) => setChosen(event.currentTarget.value)}>
              {others.slice(0, 500).map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <button type="button" class="button" onClick={() => askMove(props.pool, props.id, to, props.again)}>
            Move
          </button>
        </>
      )}
      <button type="button" class="button button-bad" onClick={() => askEnd(props.pool, props.id, props.again)}>
        End
      </button>
    </div>
  );
}

const left = new Set(['pool', 'server', 'owner', 'session']);

function factsOf(found: Found): [name: string, value: string][] {
  return Object.entries(found).flatMap(([name, value]): [string, string][] => {
    if (left.has(name) || value === null || value === undefined || value === '') return [];
    if (typeof value === 'object') {
      const text = Object.entries(value).map(([key, inner]) => `${words(key)} ${String(inner)}`);
      return text.length === 0 ? [] : [[words(name), text.join(', ')]];
    }
    const time = /born|seen|since|expires|at$/i.test(name) ? timeOf(value) : null;
    if (time !== null && time > 1e11) {
      const isAhead = time > Date.now();
      return [
        [
          words(name),
          isAhead ? new Date(time).toLocaleString('en-GB') : `${ago(time)}, ${new Date(time).toLocaleString('en-GB')}`,
        ],
      ];
    }
    if (typeof value === 'boolean') return [[words(name), value ? 'yes' : 'no']];
    return [[words(name), String(value)]];
  });
}

/** inflight: In flight. lastCheck: Last check. */
function words(name: string): string {
  const text = name === 'inflight' ? 'in flight' : name.replace(/([A-Z])/g, (capital) => ` ${capital.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function ordinal(value: number): string {
  const tail = value % 100 > 10 && value % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
  return `${value}${tail}`;
}

/** Pages of the table, one after the other as the list is scrolled. */
function Browser() {
  const { query } = route.value;
  const [pool, setPool] = useState(query.get('pool') ?? '');
  const [server, setServer] = useState(query.get('server') ?? '');
  const [rows, setRows] = useState<readonly SessionView[]>([]);
  const [trouble, setTrouble] = useState('');
  const cursor = useRef<string | null>('');
  const isAsking = useRef(false);
  const chosenPool = pool === '' ? (pools.value[0]?.name ?? '') : pool;

  const load = async (isFirst: boolean) => {
    if (isAsking.current || (!isFirst && cursor.current === null) || chosenPool === '') return;
    isAsking.current = true;
    try {
      const ask = new URLSearchParams({ pool: chosenPool, limit: String(pageSize) });
      if (server !== '') ask.set('server', server);
      if (isFirst) cursor.current = '';
      const added: SessionView[] = [];
      // A page may be empty although another one follows.
      do {
        if (cursor.current) ask.set('cursor', cursor.current);
        const page = await client.get<SessionPage>(`/v1/sessions?${ask}`);
        cursor.current = page.cursor;
        added.push(...page.sessions);
      } while (added.length === 0 && cursor.current !== null);
      setRows((known) => (isFirst ? added : [...known, ...added]));
      setTrouble('');
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    } finally {
      isAsking.current = false;
    }
  };
  useEffect(() => {
    cursor.current = '';
    void load(true);
  }, [chosenPool, server]);

  return (
    <section class="view-list browser" aria-labelledby="browse">
      <header class="view-head">
        <h2 id="browse">In the table</h2>
        <div class="filters">
          <label class="field">
            <span class="visually-hidden">Pool</span>
            <select
              value={chosenPool}
              onChange={(event) => {
                setPool(event.currentTarget.value);
                setServer('');
              }}
            >
              {pools.value.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label class="field">
            <span class="visually-hidden">Server</span>
            <input
              type="search"
              placeholder="any server"
              list="server-names"
              value={server}
              onChange={(event) => setServer(event.currentTarget.value)}
            />
            <datalist id="server-names">
              {servers.value
                .filter((one) => one.pool === chosenPool)
                .slice(0, 200)
                .map(({ name }) => (
                  <option key={name} value={name} />
                ))}
            </datalist>
          </label>
          <button type="button" class="button" onClick={() => void load(true)}>
            Refresh
          </button>
          <span class="count" role="status">
            {short(rows.length)} loaded{cursor.current === null ? '' : ', more below'}
          </span>
        </div>
      </header>
      {trouble !== '' && <p class="note note-warn">{trouble}</p>}
      {rows.length === 0 ? (
        <Empty>No sessions here.</Empty>
      ) : (
        <VirtualRows
          label="Sessions"
          items={rows}
          rowHeight={44}
          columns={6}
          keyOf={(session) => `${session.pool}/${session.id}`}
          head={['Session', 'Server', 'Epoch', 'Born', 'Seen', 'Copy'].map((name) => (
            <span key={name} role="columnheader" class={`cell cell-${name.toLowerCase()}`}>
              {name}
            </span>
          ))}
          render={(session) => (
            <>
              <span role="cell" class="cell cell-session mono">
                {session.id}
              </span>
              <span role="cell" class="cell cell-server">
                {session.server ?? '–'}
              </span>
              <span role="cell" class="cell cell-epoch">
                {session.epoch}
              </span>
              <span role="cell" class="cell cell-born">
                {when(session.born)}
              </span>
              <span role="cell" class="cell cell-seen">
                {when(session.seen)}
              </span>
              <span role="cell" class="cell cell-copy">
                {session.copied ? 'yes' : 'no'}
              </span>
            </>
          )}
          onOpen={({ id }) => {
            location.hash = `#/sessions?find=${encodeURIComponent(id)}`;
            scrollTo({ top: 0 });
          }}
          onEnd={() => void load(false)}
        />
      )}
    </section>
  );
}

function when(value: unknown): string {
  const time = timeOf(value);
  return time === null ? '–' : ago(time);
}
