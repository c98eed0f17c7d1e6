/** What holds for every affinity whose key the table keeps: a key stays where it is when a server is added. */
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startLimpet } from './limpet.ts';
import { httpOrigin } from './origin.ts';
import { type AskOptions, ask, configFor, echoOf, together } from './peers.ts';
import type { Runtime } from './runtimes.ts';

export interface KeyedRequest extends AskOptions {
  /** Default `/`. */
  readonly path?: string;
}

export interface Keyed {
  readonly affinity: readonly unknown[];
  /** Of the listener. */
  readonly listener?: Readonly<Record<string, unknown>>;
  /** The request of the n-th client: with a key of its own. `visit` counts, for what may differ between its requests. */
  request(n: number, visit: number): KeyedRequest;
}

const clients = 60;

/** Three servers, a fourth by a reload, and at the end a balancer that remembers nothing: the control. */
export async function staysWhenServersAreAdded(runtime: Runtime, keyed: Keyed): Promise<void> {
  await using state = await mkdtempDisposable(join(tmpdir(), 'limpet-state-'));
  await using origins = await together(['a', 'b', 'c', 'd'].map((name) => httpOrigin(name)));
  const configOf = (count: number) =>
    configFor(origins.slice(0, count), { affinity: keyed.affinity, balance: 'rendezvous' }, keyed.listener);
  const env = { LIMPET_STATE: state.path };
  const homesOf = (url: string, from: number, visit: number) =>
    Promise.all(
      Array.from({ length: clients }, async (_, i) => {
        const { path = '/', ...options } = keyed.request(from + i, visit);
        return echoOf(await ask(url + path, options)).server;
      }),
    );

  await using limpet = await startLimpet(runtime, { config: { ...configOf(3), workers: 2 }, env });
  const homes = await homesOf(limpet.url, 0, 1);
  expect(new Set(homes)).toEqual(new Set(['a', 'b', 'c']));
  expect(await homesOf(limpet.url, 0, 2)).toEqual(homes);
  await limpet.reload({ ...configOf(4), workers: 2 });
  for (let visit = 3; visit <= 5; visit++) expect(await homesOf(limpet.url, 0, visit)).toEqual(homes);
  const newcomers = await homesOf(limpet.url, clients, 1);
  expect(new Set(newcomers)).toEqual(new Set(['a', 'b', 'c', 'd']));
  expect(await homesOf(limpet.url, clients, 2)).toEqual(newcomers);
  const sessions = await limpet.sessions();
  const all = [...homes, ...newcomers];
  for (const { name } of origins)
    expect([name, sessions[`app/${name}`]]).toEqual([name, all.filter((home) => home === name).length]);

  await limpet.stop();
  await using forgetful = await startLimpet(runtime, { config: { ...configOf(4), table: { save: 'off' } }, env });
  const placed = await homesOf(forgetful.url, 0, 1);
  const moved = placed.filter((home, i) => home !== homes[i]);
  expect(moved.length).toBeGreaterThan(0);
  // By rendezvous: only to the server that is new.
  expect(new Set(moved)).toEqual(new Set(['d']));
}
