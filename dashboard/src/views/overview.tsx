/** What an operator sees first: is all well, where the sessions are, and how it went in the last minutes. */
import { Scene } from '../scene/scene.tsx';
import { access } from '../state/access.ts';
import { history, pools, sampled, servers, status } from '../state/store.ts';
import { Chart, type Line } from '../ui/chart.tsx';
import { millis, percent, rate, short } from '../ui/format.ts';
import { copiedText, Figure, SessionMeter } from '../ui/parts.tsx';
import { Fleet } from './fleet.tsx';

export function Overview() {
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <Figures />
      <section class="card" aria-labelledby="picture">
        <header class="card-head">
          <h2 id="picture">Sessions at home</h2>
          <Movement />
        </header>
        <Scene />
      </section>
      <Fleet />
      <section aria-labelledby="pools">
        <h2 id="pools">Pools</h2>
        <div class="pools">
          {pools.value.map((pool) => (
            <Pool key={pool.name} name={pool.name} />
          ))}
        </div>
      </section>
      <section aria-labelledby="charts">
        <h2 id="charts">Last minutes</h2>
        <div class="charts">
          {charts.map((chart) => (
            <Chart key={chart.title} {...chart} />
          ))}
        </div>
      </section>
    </>
  );
}

function Figures() {
  void sampled.value;
  const total = servers.value.length;
  const usable = servers.value.filter(({ state }) => state === 'up').length;
  const down = servers.value.filter(({ state }) => state === 'down').length;
  const live = pools.value.reduce((sum, pool) => sum + pool.sessions.live, 0);
  const copied = pools.value.reduce((sum, pool) => sum + pool.sessions.copied, 0);
  const inflight = pools.value.reduce((sum, pool) => sum + pool.inflight, 0);
  const waiting = pools.value.reduce((sum, pool) => sum + pool.waiting, 0);
  const skew = pools.value.reduce((most, pool) => Math.max(most, pool.skew ?? 0), 0);
  const errors = history.latest('serverErrors') ?? 0;
  const requests = history.latest('requests');
  const p99 = history.latest('p99');
  return (
    <dl class="figures" aria-label="Now">
      <Figure
        name="Servers up"
        value={
          <>
            {short(usable)}
            <small> of {short(total)}</small>
          </>
        }
        note={down > 0 ? `${short(down)} down` : total === usable ? 'all usable' : `${total - usable} draining`}
        tone={down > 0 ? 'bad' : total === usable ? '' : 'warn'}
      />
      <Figure
        name="Sessions"
        value={short(live)}
        note={live === 0 ? 'none yet' : `${percent(copied, live)} with a copy`}
      />
      <Figure
        name="Requests / s"
        value={requests === null ? '–' : rate(requests)}
        note={`${short(inflight)} in flight${waiting > 0 ? `, ${short(waiting)} waiting` : ''}`}
      />
      <Figure
        name="Errors / s"
        value={requests === null ? '–' : rate(errors)}
        note={errors === 0 ? 'no 5xx' : `${percent(errors, requests ?? 0)} of all`}
        tone={errors > 0 ? 'bad' : ''}
      />
      {p99 !== null && (
        <Figure name="Latency p99" value={millis(p99)} note={`p50 ${millis(history.latest('p50') ?? 0)}`} />
      )}
      <Figure
        name="Skew"
        value={skew === 0 ? '–' : skew.toFixed(2)}
        note={skew <= 1.25 ? 'evenly spread' : 'fullest ÷ mean'}
        tone={skew > 2 ? 'warn' : ''}
      />
    </dl>
  );
}

function Movement() {
  void sampled.value;
  const moved = history.latest('moved') ?? 0;
  const rescued = history.latest('rescued') ?? 0;
  if (moved + rescued === 0) return <p class="movement">Nothing moves</p>;
  return (
    <p class="movement">
      {rescued > 0 && <span class="movement-rescued">{rate(rescued)} rescued / s</span>}
      {moved > 0 && <span class="movement-moved">{rate(moved)} moved / s</span>}
    </p>
  );
}

function Pool({ name }: { name: string }) {
  const pool = pools.value.find((one) => one.name === name);
  if (pool === undefined) return null;
  const members = servers.value.filter((server) => server.pool === name);
  const by = (state: string) => members.filter((server) => server.state === state).length;
  const [up, draining, down] = [by('up'), by('draining'), by('down')];
  return (
    <article class="card pool">
      <header class="pool-head">
        <h3>
          <a href={`#/servers?pool=${encodeURIComponent(name)}`}>{name}</a>
        </h3>
        <span class="pool-balance">{pool.balance}</span>
      </header>
      <div class="health" aria-hidden="true">
        {up > 0 && <span class="health-up" style={{ flexGrow: up }} />}
        {draining > 0 && <span class="health-draining" style={{ flexGrow: draining }} />}
        {down > 0 && <span class="health-down" style={{ flexGrow: down }} />}
      </div>
      <p class="pool-health">
        {short(pool.usable)} of {short(pool.servers)} usable
        {draining > 0 && `, ${short(draining)} draining`}
        {down > 0 && `, ${short(down)} down`}
      </p>
      <dl class="pairs">
        <dt>Sessions</dt>
        <dd>{short(pool.sessions.live)}</dd>
        <dt>Requests/s</dt>
        <dd>{rate(pool.requestsPerSecond)}</dd>
        <dt>In flight</dt>
        <dd>{short(pool.inflight)}</dd>
        <dt>Waiting</dt>
        <dd>{short(pool.waiting)}</dd>
        <dt>Skew</dt>
        <dd>{pool.skew === null || pool.sessions.live === 0 ? '–' : pool.skew.toFixed(2)}</dd>
      </dl>
      <SessionMeter sessions={pool.sessions} most={pool.sessions.live} />
      <p class="pool-copies">{copiedText(pool.sessions)}</p>
    </article>
  );
}

const charts: readonly { title: string; lines: readonly Line[]; format: (value: number) => string; empty: string }[] = [
  {
    title: 'Requests per second',
    format: rate,
    empty: 'Waiting for the second sample',
    lines: [
      { series: 'ok', name: '2xx', colour: 'accent', isFilled: true },
      { series: 'redirects', name: '3xx', colour: 'muted', dash: [4, 3] },
    ],
  },
  {
    title: 'Errors per second',
    format: rate,
    empty: 'Waiting for the second sample',
    lines: [
      { series: 'serverErrors', name: '5xx', colour: 'bad', isFilled: true },
      { series: 'clientErrors', name: '4xx', colour: 'warn' },
      { series: 'retries', name: 'retries', colour: 'muted', dash: [4, 3] },
    ],
  },
  {
    title: 'Latency',
    format: millis,
    empty: 'No latencies are measured yet',
    lines: [
      { series: 'p50', name: 'p50', colour: 'accent' },
      { series: 'p95', name: 'p95', colour: 'muted', dash: [4, 3] },
      { series: 'p99', name: 'p99', colour: 'warn' },
    ],
  },
  {
    title: 'Sessions',
    format: short,
    empty: 'Waiting for the second sample',
    lines: [
      { series: 'live', name: 'live', colour: 'accent', isFilled: true },
      { series: 'copied', name: 'with a copy', colour: 'muted', dash: [4, 3] },
    ],
  },
  {
    title: 'Sessions that changed place, per second',
    format: rate,
    empty: 'Waiting for the second sample',
    lines: [
      { series: 'moved', name: 'moved', colour: 'accent', isFilled: true },
      { series: 'rescued', name: 'rescued', colour: 'rescue' },
    ],
  },
  {
    title: 'In flight',
    format: short,
    empty: 'Waiting for the second sample',
    lines: [{ series: 'inflight', name: 'exchanges', colour: 'accent', isFilled: true }],
  },
];

/** What stands at the foot of the page. */
export function Footer() {
  const now = status.value;
  if (now === null) return null;
  return (
    <footer class="foot">
      <span>Limpet {now.version}</span>
      <span>{now.runtime}</span>
      <span>pid {now.pid}</span>
      {now.workers !== undefined && (
        <span>
          {now.workers.length} workers, loop delay{' '}
          {Math.round(now.workers.reduce((most, { loopDelayMs }) => Math.max(most, loopDelayMs), 0))} ms
        </span>
      )}
      <span>{now.store === null ? 'no store' : `store: ${now.store.kind}`}</span>
      {now.configFile !== null && <span class="foot-file">{now.configFile}</span>}
      {access.value === 'read' && <span>read-only</span>}
    </footer>
  );
}
