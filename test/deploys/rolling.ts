/** Three servers are replaced under load, one after another, by the commands of the guide. */

import type { Runtime } from '../support/runtimes.ts';
import type { Loss } from './checker.ts';
import type { LoadPlan } from './load.ts';
import type { Report } from './report.ts';
import { Stage } from './stage.ts';
import { monotonicMs } from './visits.ts';

interface Step {
  readonly server: string;
  /** Sessions that are lost, as `limpet drain` said before it did anything. */
  readonly announced: number;
  /** The requests of this step. */
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
}

const names = ['s1', 's2', 's3'];

/** With the session library: nothing may be lost. */
export async function rollCopied(runtime: Runtime, load: LoadPlan): Promise<Report> {
  await using stage = await Stage.open({ runtime, load, servers: names, app: 'copied' });
  return await roll(stage, ['--wait', '--deadline', '60s']);
}

/** With plain cookies: the sessions of a server are lost with it, and as many as were announced. */
export async function rollPlain(runtime: Runtime, load: LoadPlan): Promise<Report> {
  await using stage = await Stage.open({ runtime, load, servers: names, app: 'plain' });
  return await roll(stage, ['--wait', '--deadline', '2s', '--then', 'down']);
}

async function roll(stage: Stage, options: readonly string[]): Promise<Report> {
  // A session counts once its cookie has come back.
  await stage.load.round();
  await stage.load.round();
  const began = monotonicMs();
  const steps: Step[] = [];
  for (const name of names) steps.push(await replace(stage, name, options));
  const seconds = (monotonicMs() - began) / 1000;
  const found = await stage.judge();
  const counted = steps.map((step) => ({ ...step, actual: lossesIn(found.lost, step) }));
  return {
    title: options.includes('down') ? 'rolling deploy, plain cookies' : 'rolling deploy, sessions with copies',
    judgement: found,
    seconds,
    lines: counted.map(
      ({ server, announced, actual, seconds: took }) =>
        `${server}: ${announced} sessions announced as lost, ${actual} lost, replaced in ${took.toFixed(1)} s`,
    ),
    flaws: [
      ...counted
        .filter(({ announced, actual }) => announced !== actual)
        .map(({ server, announced, actual }) => `${server}: ${announced} announced, and ${actual} lost`),
      ...(counted.reduce((sum, { actual }) => sum + actual, 0) === found.lost.length
        ? []
        : ['sessions are lost outside of the steps']),
    ],
  };
}

async function replace(stage: Stage, name: string, options: readonly string[]): Promise<Step> {
  const from = stage.load.request;
  const began = monotonicMs();
  const drained = await stage.command('drain', name, ...options);
  // 6: it is not empty, as was announced.
  const announced = announcedLoss(drained.stderr);
  const expected = announced > 0 ? 6 : 0;
  if (drained.code !== expected)
    throw new Error(`limpet drain ${name} ended with ${drained.code}: ${drained.stdout}${drained.stderr}`);
  await stage.kill(name);
  await stage.start(name);
  const ready = await stage.command('ready', name);
  if (ready.code !== 0) throw new Error(`limpet ready ${name} ended with ${ready.code}: ${ready.stderr}`);
  await stage.untilUp(name);
  const seconds = (monotonicMs() - began) / 1000;
  // What is lost by this step is seen by then, and the server has sessions of its own again.
  await stage.load.round();
  return { server: name, announced, from, to: stage.load.request, seconds };
}

/** What `limpet drain` says at first: `shop/s1: 12 of its 40 sessions have no copy: ...`. */
function announcedLoss(said: string): number {
  return Number(/: (\d+) of its \d+ sessions have no copy/.exec(said)?.[1] ?? 0);
}

function lossesIn(lost: readonly Loss[], { from, to }: Step): number {
  return lost.filter(({ request }) => request >= from && request < to).length;
}
