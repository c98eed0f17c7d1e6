/**
 * `npm run bench:dashboard`: what operators look at, with 1,000 servers and a million sessions in the table of a real balancer: how smoothly
 * the page moves in Chromium, how long the API takes, what `limpet top` and a scrape cost, and how late the workers' event loops are
 * meanwhile. `--servers N`, `--sessions N`, `--runtime bun|node`.
 *
 *      one server process on every address of 127.0.0.0/8 <── Limpet, two workers <── 20 clients
 *                                                               └── admin <── Chromium, limpet top, this program
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { readConfig } from '../../src/config/read.ts';
import { kindName, serverName } from '../../src/shared/slots.ts';
import { saveTable } from '../../src/table/snapshot.ts';
import { Entry } from '../../src/table/table.ts';
import { systemClock, unixSeconds } from '../../src/time/clock.ts';
import { SharedState } from '../../src/workers/shared-state.ts';
import { buildDashboard, launch, openPage } from '../../test/dashboard/browser.ts';
import { limpetCommand } from '../../test/support/command.ts';
import { startLimpet } from '../../test/support/limpet.ts';
import { findProgram } from '../../test/support/programs.ts';
import { Tmux } from '../../test/support/tmux.ts';
import { cpuTime } from '../macro/cpu.ts';
import { describeMachine } from '../macro/machine.ts';
import { renderText } from '../macro/report.ts';

const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: '1000' },
    sessions: { type: 'string', default: '1000000' },
    runtime: { type: 'string', default: 'bun' },
  },
});
const serverCount = Number(values.servers);
const sessionCount = Number(values.sessions);
const runtime = values.runtime === 'node' ? 'node' : 'bun';
const chromium = findProgram('chromium');
if (chromium === undefined) throw new Error('chromium is not installed');
await buildDashboard();
const machine = describeMachine();
console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; load average ${machine.loadBefore}`);

const app = createServer((_, response) => response.end('ok\n')).listen(0, '0.0.0.0');
await new Promise((done) => app.once('listening', done));
const { port } = app.address() as AddressInfo;
const token = 'a'.repeat(64);
const config = {
  listeners: [{ address: '127.0.0.1:0' }],
  pools: {
    shop: {
      servers: Array.from({ length: serverCount }, (_, i) => ({
        name: `s${i + 1}`,
        address: `127.1.${i >> 8}.${i & 255}:${port}`,
      })),
    },
  },
  table: { capacity: 2 * sessionCount },
  workers: 2,
  admin: { listen: '127.0.0.1:0', token },
};

/** The state folder of a balancer that has so many sessions. */
async function fillState(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-bench-'));
  const secret = Buffer.alloc(32, 7);
  writeFileSync(join(folder, 'table.key'), `${secret.toString('hex')}\n`, { mode: 0o600 });
  const { options } = readConfig(config, { source: { name: 'bench', locate: () => null }, env: {}, variables: false });
  const state = new SharedState({ capacity: sessionCount, workers: 1, isSlotExpected: () => false });
  const now = unixSeconds(systemClock);
  const numbers = state.assignNumbers(options, now);
  const pool = options.pools[0]!;
  const lifetime = numbers.lifetimes.get(kindName('shop', pool.affinity[0]!))!;
  const slots = pool.servers.map(({ name }) => numbers.slots.get(serverName('shop', name))!);
  const entry = new Entry();
  for (let i = 0; i < sessionCount; i++) {
    const key = { hi: Math.imul(i + 1, 0x9e3779b1) >>> 0, lo: Math.imul(i + 1, 0x85ebca6b) >>> 0 };
    state.table.bind(key, slots[i % slots.length]!, now, entry, lifetime, 1, true);
  }
  const { table, servers, lifetimes } = state;
  await saveTable(join(folder, 'sessions.table'), {
    table,
    servers,
    lifetimes: lifetimes.names(),
    copies: null,
    secret,
  });
  return folder;
}

const folder = await fillState();
await using limpet = await startLimpet(runtime, { config, env: { LIMPET_STATE: folder } });
console.log(/loaded \d+ sessions/.exec(limpet.stderr())?.[0] ?? 'no sessions were loaded');
const admin = /admin on (http:\S+)/.exec(limpet.stderr())![1]!;
const headers = { authorization: `Bearer ${token}` };

let isOver = false;
let failures = 0;
const clients = Array.from({ length: 20 }, async () => {
  let cookie = '';
  while (!isOver) {
    try {
      const response = await fetch(limpet.url, { headers: { cookie } });
      cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie;
      await response.text();
    } catch (error) {
      if (failures++ === 0) console.log('a client', error);
    }
    await sleep(40);
  }
});

const share = (all: number[], of: number): number => all.sort((a, b) => a - b)[Math.floor(of * (all.length - 1))] ?? 0;

// The page.

interface Frames {
  readonly frames: number[];
  readonly longTasks: number[];
}

/** What frames and long tasks there were while `work` went on. */
async function framesDuring(page: Page, work: () => Promise<unknown>): Promise<Frames> {
  await page.evaluate(`(() => {
    const seen = { frames: [], longTasks: [], over: false };
    globalThis.seenFrames = seen;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.longTasks.push(duration);
    }).observe({ entryTypes: ['longtask'] });
    let last = performance.now();
    const frame = (now) => {
      seen.frames.push(now - last);
      last = now;
      if (!seen.over) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  })()`);
  await work();
  return (await page.evaluate(
    '(seenFrames.over = true, { frames: seenFrames.frames, longTasks: seenFrames.longTasks })',
  )) as Frames;
}

function rowOf(what: string, { frames, longTasks }: Frames): string[] {
  const seconds = frames.reduce((sum, one) => sum + one, 0) / 1000;
  return [
    what,
    (frames.length / seconds).toFixed(0),
    share(frames, 0.5).toFixed(1),
    share(frames, 0.99).toFixed(1),
    share(frames, 1).toFixed(0),
    String(longTasks.length),
    share(longTasks, 1).toFixed(0),
  ];
}

const rows: string[][] = [['page', 'frames/s', 'median ms', 'p99', 'longest', 'tasks > 50 ms', 'longest']];
{
  await using browser = await launch(chromium);
  const begun = performance.now();
  const { page, complaints } = await openPage(browser, `${admin}/`, { token, width: 1280, height: 900 });
  await page.locator('.connection.is-live').waitFor();
  console.log(`the page is live after ${(performance.now() - begun).toFixed(0)} ms`);
  rows.push(rowOf('overview, 10 s', await framesDuring(page, () => sleep(10_000))));
  await page.goto(`${admin}/#/servers`);
  const list = page.locator('[role=table]').first();
  await list.waitFor();
  rows.push(rowOf('servers, 5 s', await framesDuring(page, () => sleep(5000))));
  rows.push(
    rowOf(
      'servers, scrolled',
      await framesDuring(page, async () => {
        await list.hover();
        for (let i = 0; i < 60; i++) {
          await page.mouse.wheel(0, 600);
          await sleep(30);
        }
      }),
    ),
  );
  const filter = page.locator('input[type=search], input[type=text]').first();
  rows.push(
    rowOf(
      'servers, a filter typed',
      await framesDuring(page, async () => {
        await filter.click();
        for (const key of 's99') {
          await page.keyboard.type(key);
          await sleep(300);
        }
      }),
    ),
  );
  await page.goto(`${admin}/#/sessions`);
  rows.push(rowOf('sessions, 5 s', await framesDuring(page, () => sleep(5000))));
  for (const complaint of complaints) console.log(complaint);
}
console.log(renderText(rows));

// The API, limpet top, and a scrape.

const asked: string[][] = [['request', 'KB', 'median ms', 'p95']];
for (const path of ['/v1/servers', '/v1/pools', '/v1/sessions?limit=100', '/v1/status', '/metrics']) {
  const times: number[] = [];
  let size = 0;
  for (let i = 0; i < 20; i++) {
    const begun = performance.now();
    const response = await fetch(`${admin}${path}`, { headers });
    size = (await response.arrayBuffer()).byteLength;
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
    times.push(performance.now() - begun);
  }
  asked.push([path, (size / 1000).toFixed(0), share(times, 0.5).toFixed(1), share(times, 0.95).toFixed(1)]);
}
console.log(renderText(asked));

const tmux = findProgram('tmux');
if (tmux === undefined) console.log('limpet top: tmux is not installed');
else {
  const { file, args, env } = limpetCommand(runtime, folder, ['top', '--admin', admin]);
  const command = [file, ...args].map((one) => `'${one}'`).join(' ');
  using terminal = new Tmux(tmux, join(folder, 'tmux'), command, { ...env, LIMPET_ADMIN_TOKEN: token });
  await terminal.shows(/shop\/s\d+/);
  const { pid } = terminal;
  const seconds = () => {
    const { user, system } = cpuTime(pid);
    return (user + system) / 1e6;
  };
  const before = seconds();
  await sleep(10_000);
  console.log(`limpet top: ${(((seconds() - before) / 10) * 100).toFixed(1)} % of a core`);
}

const metrics = await (await fetch(`${admin}/metrics`, { headers })).text();
console.log('event loops, late by at most (s): times');
for (const worker of ['1', '2']) {
  const buckets = [
    ...metrics.matchAll(new RegExp(`delay_seconds_bucket\\{worker="${worker}",le="([^"]+)"\\} (\\d+)`, 'g')),
  ];
  let before = 0;
  const counts = buckets.map(([, bound, count]) => {
    const here = Number(count) - before;
    before = Number(count);
    return here === 0 ? '' : `${bound}: ${here}`;
  });
  console.log(`  worker ${worker}   ${counts.filter((one) => one !== '').join('   ')}`);
}

isOver = true;
await Promise.all(clients);
console.log(`requests of clients that failed: ${failures}`);
app.close();
app.closeAllConnections();
rmSync(folder, { recursive: true, force: true });
