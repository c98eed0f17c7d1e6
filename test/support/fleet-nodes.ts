/** Several balancers of one fleet, each with a state folder of its own, and what one of them says of all. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import type { FleetView } from '../../src/admin/schemas.ts';
import { type Limpet, startLimpet } from './limpet.ts';
import { ask } from './peers.ts';
import { needProgram } from './programs.ts';
import { RedisServer } from './redis.ts';
import type { Runtime } from './runtimes.ts';

export interface FleetNode extends Limpet {
  readonly name: string;
  /** Its state folder. */
  readonly state: string;
}

export interface NodeSetup {
  readonly config: Readonly<Record<string, unknown>>;
  /** Its state folder. Left out: one of its own. */
  readonly state?: string;
  /** Of `fleet` in its config. */
  readonly fleet?: Readonly<Record<string, unknown>>;
}

/** A Redis that ends with the test. */
export async function fleetRedis(context: TestContext): Promise<RedisServer> {
  needProgram(context, 'redis');
  const redis = await RedisServer.start();
  context.onTestFinished(() => redis.kill());
  return redis;
}

export function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What its config is, with `fleet` in it. */
export function nodeConfig(redis: RedisServer, name: string, { config, fleet }: NodeSetup): Record<string, unknown> {
  return { ...config, fleet: { store: redis.url, name, timeout: '2s', ...fleet } };
}

export async function startNode(
  runtime: Runtime,
  redis: RedisServer,
  name: string,
  setup: NodeSetup,
): Promise<FleetNode> {
  const { state = stateFolder() } = setup;
  const limpet = await startLimpet(runtime, {
    config: nodeConfig(redis, name, setup),
    env: { LIMPET_STATE: state },
  });
  return Object.assign(Object.create(limpet) as Limpet, { name, state });
}

/** What the admin API of that node answers. */
export async function query<T>(node: FleetNode, path: string, method = 'GET', body?: unknown): Promise<T> {
  const reply = await ask(`http://admin${path}`, {
    socketPath: join(node.state, 'admin.sock'),
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (reply.status >= 300) throw new Error(`${path} at ${node.name}: ${reply.status} ${reply.body}`);
  return (reply.body === '' ? null : JSON.parse(reply.body)) as T;
}

export function fleetAt(node: FleetNode): Promise<FleetView> {
  return query<FleetView>(node, '/v1/fleet');
}

/** Names of the nodes that are there, as one of them knows it. */
export async function liveAt(node: FleetNode): Promise<string[]> {
  const { nodes } = await fleetAt(node);
  return nodes.flatMap(({ name, state }) => (state === 'live' ? [name] : [])).sort();
}
