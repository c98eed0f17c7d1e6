import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import { EventBus } from '../events/bus.ts';
import { EmptyWatch } from './empty-watch.ts';

function stage() {
  const events = new EventBus(new HandTime(), (error) => {
    throw error;
  });
  const drained = new Set<string>();
  const waits: { readonly server: string; readonly signal: AbortSignal; readonly empty: () => void }[] = [];
  const told: string[] = [];
  events.subscribe(({ name, fields }) => {
    if (name === 'server.empty') told.push(`${fields.pool}/${fields.server}`);
  });
  const watch = new EmptyWatch({
    events,
    isDrained: (_, server) => drained.has(server),
    whenEmpty: (_, server, signal) => {
      const { promise, resolve } = Promise.withResolvers<'no-such-server' | never>();
      const state = {
        drained: true,
        state: 'draining',
        waitingFor: { inflight: 0, streams: 0, tunnels: 0, uncopied: 0 },
      };
      waits.push({ server, signal, empty: () => resolve(state as never) });
      return promise;
    },
  });
  watch.start();
  const say = (name: 'server.drained' | 'server.ready' | 'server.up' | 'server.down', server = 'a') =>
    events.publish(name, { pool: 'shop', server, reason: '' });
  return { drained, waits, told, watch, say };
}

test('told once in each drain, whoever drains and however often it is said', async () => {
  const { drained, waits, told, say } = stage();
  say('server.up');
  expect(waits).toEqual([]);
  drained.add('a');
  say('server.drained');
  say('server.down');
  expect(waits.map(({ server }) => server)).toEqual(['a']);
  waits[0]!.empty();
  await expect.poll(() => told).toEqual(['shop/a']);
  say('server.drained');
  expect(waits).toHaveLength(1);
  drained.delete('a');
  say('server.ready');
  drained.add('a');
  say('server.drained');
  waits[1]!.empty();
  await expect.poll(() => told).toEqual(['shop/a', 'shop/a']);
});

test('a drain that ends, and a balancer that stops, say nothing', async () => {
  const { drained, waits, told, watch, say } = stage();
  for (const server of ['a', 'b']) {
    drained.add(server);
    say('server.drained', server);
  }
  drained.delete('a');
  // Its wish for a drain has ended with its process.
  say('server.down');
  expect(waits.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  watch.stop();
  expect(waits.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  for (const { empty } of waits) empty();
  await Promise.resolve();
  await Promise.resolve();
  expect(told).toEqual([]);
});
