/** Two servers become four under load, single servers change a hundred times, and the config is read again a hundred times. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Runtime } from '../support/runtimes.ts';
import { skewBySecond } from './checker.ts';
import type { LoadPlan } from './load.ts';
import type { Report } from './report.ts';
import { Stage } from './stage.ts';
import { monotonicMs } from './visits.ts';

/** Of the promise: the fullest server over the mean, and after how many seconds. */
const mostSkew = 1.25;
const within = 60;

export async function scaleOut(runtime: Runtime, load: LoadPlan): Promise<Report> {
  const names = ['s1', 's2', 's3', 's4'];
  const pool = { rebalance: { skew: 1.2, rate: 10 } };
  await using stage = await Stage.open({ runtime, load, servers: names.slice(0, 2), app: 'copied', pool });
  await stage.load.round();
  for (const name of names.slice(2)) await stage.start(name);
  const began = monotonicMs();
  for (const name of names.slice(2))
    await stage.api.send('POST', '/servers/shop', { name, address: stage.addressOf(name) });
  await stage.load.sent(load.rate * (within + 5));
  const seconds = (monotonicMs() - began) / 1000;
  const judgement = await stage.judge();
  const skews = skewBySecond(stage.arrivals(), names, began).slice(0, within);
  const lastUneven = skews.findLastIndex((skew) => skew >= mostSkew);
  const isEven = skews.length === within && lastUneven < within - 1;
  const shown = [0, 4, 9, 19, 29, 59].filter((n) => n < skews.length).map((n) => `${n + 1} s ${skews[n]!.toFixed(2)}`);
  return {
    title: 'two servers become four',
    judgement,
    seconds,
    lines: [
      `skew by the servers' logs: ${shown.join(', ')}`,
      isEven ? `under ${mostSkew} from second ${lastUneven + 2} on` : `not under ${mostSkew} within ${within} s`,
    ],
    flaws: [
      ...(isEven ? [] : [`the skew is ${skews.at(-1)?.toFixed(2)} after ${within} s`]),
      ...(judgement.lost.length === 0 ? [] : [`${judgement.lost.length} sessions are lost`]),
    ],
  };
}

/** Requests under each change, and clients that come meanwhile. */
const requestsPerChange = 25;
const newcomers = 2;

export async function changeServers(runtime: Runtime, load: LoadPlan, changes: number): Promise<Report> {
  await using stage = await Stage.open({ runtime, load, servers: ['s1', 's2', 's3', 'x'], app: 'copied' });
  // x comes and goes; its process goes on.
  await stage.api.send('DELETE', '/servers/shop/x');
  await stage.load.round();
  const began = monotonicMs();
  const { api } = stage;
  const steps = [
    () => api.send('POST', '/servers/shop', { name: 'x', address: stage.addressOf('x') }),
    (n: number) => api.send('PATCH', '/servers/shop/s1', { maxRequests: 1000 + n }),
    (n: number) => api.send('PATCH', '/servers/shop/s2', { weight: 1 + (n % 3) }),
    () => api.send('DELETE', '/servers/shop/x'),
  ];
  for (let n = 0; n < changes; n++) {
    await steps[n % steps.length]!(n);
    stage.load.join(newcomers);
    await stage.load.sent(requestsPerChange);
  }
  await stage.load.round();
  return await reportOf(stage, `${changes} changes of single servers by the API`, began);
}

export async function reloadConfig(runtime: Runtime, load: LoadPlan, reloads: number): Promise<Report> {
  await using stage = await Stage.open({ runtime, load, servers: ['s1', 's2', 's3', 'x'], app: 'copied' });
  const home = ['s1', 's2', 's3'];
  const file = join(stage.limpet.folder, 'limpet.yaml');
  const reload = async (config: object) => {
    writeFileSync(file, stringify(config));
    const { applied, diff } = await stage.api.send<{ applied: boolean; diff: string[] }>('POST', '/config/reload');
    if (!applied || diff.length === 0) throw new Error('a reload has changed nothing');
  };
  await reload(stage.config(home));
  await stage.load.round();
  const began = monotonicMs();
  const steps = [
    () => stage.config([...home, 'x']),
    () => ({ ...stage.config([...home, 'x']), shutdown: { timeout: '9s' } }),
    () => stage.config([...home, 'x'], { balance: 'round-robin' }),
    () => stage.config(home),
  ];
  for (let n = 0; n < reloads; n++) {
    await reload(steps[n % steps.length]!());
    stage.load.join(newcomers);
    await stage.load.sent(requestsPerChange);
  }
  await stage.load.round();
  return await reportOf(stage, `${reloads} reloads of the config file`, began);
}

/** Nobody is lost, and only the sessions of x may move. */
async function reportOf(stage: Stage, title: string, began: number): Promise<Report> {
  const seconds = (monotonicMs() - began) / 1000;
  const judgement = await stage.judge();
  const { lost, moves } = judgement;
  const strays = moves.filter(({ from }) => from !== 'x');
  return {
    title,
    judgement,
    seconds,
    lines: [
      `sessions moved from the server that was removed: ${moves.length - strays.length}; from others: ${strays.length}`,
    ],
    flaws: [
      ...(lost.length === 0 ? [] : [`${lost.length} sessions are lost`]),
      ...strays
        .slice(0, 5)
        .map(({ request, from, to }) => `request ${request}: a session of ${from} has moved to ${to}`),
      ...(moves.length === strays.length ? ['no session was on the server that was removed: that proves little'] : []),
    ],
  };
}
