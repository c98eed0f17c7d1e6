/** The listeners of a worker through reloads and the stop, on a network without a kernel. */
import { describe, expect, test, vi } from 'vitest';
import { FakeNet, FakePeer } from '../../test/support/fake-net.ts';
import { createWorkerContext } from '../../test/support/worker-context.ts';
import type { ListenerOptions } from '../config/options.ts';
import { readConfig } from '../config/read.ts';
import type { ListenOptions } from '../net/socket.ts';
import type { ServerTls } from '../net/tls.ts';
import { ListenerContext } from '../proxy/client/listener-context.ts';
import { WriteBuffers } from '../proxy/write-buffers.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { Listeners } from './listeners.ts';

function stage(...ports: readonly number[]) {
  const optionsOf = (used: readonly number[], connections = 100) => {
    const listeners = used.map((port) => ({ address: `127.0.0.1:${port}`, limits: { connections } }));
    const config = { listeners, pools: { shop: { servers: [1], affinity: 'source-ip' } }, keys: ['k'.repeat(40)] };
    return readConfig(config, { source: { name: 'test', locate: () => null }, env: {}, variables: false }).options;
  };
  const options = optionsOf(ports);
  const { shared, numbers } = createSingleWorker(options, 0);
  /** The sockets that are open, by port. */
  const open = new Map<number, ListenOptions>();
  const taken = new Set<number>();
  let setTls = (_port: number, _tls: ServerTls): void => {};
  const onSetTls = (run: typeof setTls): void => {
    setTls = run;
  };
  const net = new FakeNet();
  net.listen = (asked) => {
    const port = asked.address.kind === 'tcp' ? asked.address.port : 0;
    if (taken.has(port)) return Promise.reject(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }));
    open.set(port, asked);
    return Promise.resolve({ port, setTls: (tls) => setTls(port, tls), close: () => void open.delete(port) });
  };
  const worker = createWorkerContext({ net, counters: shared.counters, descriptors: shared.descriptors });
  const buffers = new WriteBuffers(net);
  const routed: string[] = [];
  const listeners = new Listeners({
    net,
    shared,
    contextFor: ({ limits }) => new ListenerContext(worker, buffers, limits, () => null),
    routeFor: ({ address }) => {
      if (address.kind === 'tcp') routed.push(String(address.port));
      return () => null;
    },
    redirectFor: () => null,
    probesFor: () => null,
    reserved: () => null,
  });
  /** Opens these ports, and uses them; the system binds the port that is asked for. */
  const change = async (...used: readonly number[]): Promise<readonly ListenerOptions[]> => {
    const all = optionsOf(used).listeners;
    listeners.use(await listeners.open(all, numbers, used, []), all);
    return all;
  };
  /** A client that has connected to that port. */
  const connect = (port: number): FakePeer => {
    const client = FakePeer.connected();
    const handler = open.get(port)?.accept(client);
    if (handler == null) throw new Error(`nobody accepts at ${port}`);
    client.handler = handler;
    return client;
  };
  return { listeners, numbers, optionsOf, onSetTls, open, taken, routed, change, connect, counters: shared.counters };
}

describe('the addresses of a config', () => {
  test('are opened in their order, and null leaves one out', async () => {
    const { listeners, numbers, optionsOf } = stage(80, 81);
    const all = optionsOf([80, 81]).listeners;
    listeners.use(await listeners.open(all, numbers, [80, null], []), all);
    expect([listeners.addresses, listeners.ports]).toEqual([['http://127.0.0.1:80'], [80]]);
  });

  test('are opened all or none: when one is taken, those that were opened with it are closed again', async () => {
    const { listeners, open, taken, change } = stage(80, 81, 82);
    await change(80);
    taken.add(82);
    await expect(change(80, 81, 82)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect([...open.keys()]).toEqual([80]);
    expect(listeners.ports).toEqual([80]);
  });

  test('stay open when the next config has them, and the others are closed', async () => {
    const { open, change } = stage(80, 81, 82);
    await change(80, 81);
    const socket = open.get(80);
    await change(82, 80);
    expect([...open.keys()]).toEqual([80, 82]);
    expect(open.get(80)).toBe(socket);
  });

  test('two on any free port are two listeners, each with its own settings', async () => {
    const { listeners, numbers, optionsOf } = stage(0, 0);
    const all = [...optionsOf([0], 1).listeners, ...optionsOf([0], 2).listeners];
    const first = await listeners.open(all, numbers, [0, 0], []);
    listeners.use(first, all);
    const again = await listeners.open(all, numbers, [0, 0], []);
    listeners.use(again, all);
    expect(again).toEqual(first);
    expect(again.map(({ options }) => options.limits.connections)).toEqual([1, 2]);
  });
});

describe('certificates', () => {
  const rules = (cert: string): ServerTls => ({
    identities: [{ names: ['a.test'], pairs: [{ cert, key: '', staple: null }] }],
    protocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    ciphers: '',
    clients: null,
    ticketKeys: null,
  });
  /** Two listeners with TLS, whose sockets note the certificates that they are given, and refuse `bad`. */
  const stageTls = () => {
    const it = stage(80, 81);
    const given: string[] = [];
    const certOf = ({ identities }: ServerTls): string => identities[0]?.pairs[0]?.cert ?? '';
    it.onSetTls((port, tls) => {
      if (certOf(tls) === 'bad') throw new Error('no certificate');
      given.push(`${port} ${certOf(tls)}`);
    });
    const tls = { certificates: [], minVersion: 'TLSv1.2', ciphers: '', clientCertificates: null } as const;
    const all = it.optionsOf([80, 81]).listeners.map((one) => ({ ...one, tls }));
    const openWith = (...certs: readonly string[]) => it.listeners.open(all, it.numbers, [80, 81], certs.map(rules));
    return { ...it, all, given, openWith };
  };

  test('are those of the listener from the first handshake on, and can change while it listens', async () => {
    const { listeners, open, all, given, openWith } = stageTls();
    listeners.use(await openWith('a', 'b'), all);
    expect([...open.values()].map(({ tls }) => tls)).toEqual([rules('a'), rules('b')]);
    expect(listeners.addresses).toEqual(['https://127.0.0.1:80', 'https://127.0.0.1:81']);
    listeners.use(await openWith('a', 'c'), all);
    listeners.setTls(all, [rules('d'), rules('c')]);
    // The same ones again are no change.
    expect(given).toEqual(['81 c', '80 d']);
  });

  test('that the runtime refuses are a reload that changes nothing', async () => {
    const { listeners, all, given, openWith } = stageTls();
    listeners.use(await openWith('a', 'b'), all);
    await expect(openWith('c', 'bad')).rejects.toThrow('no certificate');
    expect(given).toEqual(['80 c', '80 a']);
  });

  test('that are missing are no reason to listen without', async () => {
    const { listeners, all, numbers, open } = stageTls();
    await expect(listeners.open(all, numbers, [80, 81], [])).rejects.toThrow('its certificates were not loaded');
    expect(open.size).toBe(0);
  });
});

describe('the connections of a listener that is closed', () => {
  test('go on, by the routes of each config that follows', async () => {
    const { routed, change, connect, counters } = stage(80, 81);
    await change(80);
    const client = connect(80);
    await change(81);
    expect(client.state).toBe('open');
    routed.splice(0);
    await change(81);
    expect(routed).toEqual(['81', '80']);
    client.leave(null);
    routed.splice(0);
    await change(81);
    expect(routed).toEqual(['81']);
    expect(counters.snapshot().connections_open).toBe(0);
  });
});

describe('the stop', () => {
  test('without a connection is over at once', async () => {
    const { listeners, open, change } = stage(80);
    await change(80);
    expect(await listeners.stop(60_000)).toBe(true);
    expect([open.size, listeners.addresses]).toEqual([0, []]);
  });

  test('ends idle connections, also of former configs, and waits until they are gone', async () => {
    const { listeners, change, connect } = stage(80, 81);
    await change(80);
    const former = connect(80);
    await change(81);
    const client = connect(81);
    let finished: boolean | undefined;
    const stopped = listeners.stop(60_000).then((all) => {
      finished = all;
    });
    expect([former.ended, client.ended]).toEqual([true, true]);
    former.leave(null);
    await new Promise(setImmediate);
    expect(finished).toBeUndefined();
    client.leave(null);
    await stopped;
    expect(finished).toBe(true);
  });

  test('cuts what is left when the time is over, and says so', async () => {
    const { listeners, change, connect } = stage(80);
    await change(80);
    const client = connect(80);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Le');
    const stopped = listeners.stop(0);
    await vi.waitFor(() => expect(client.state).toBe('closed'));
    client.leave(null);
    expect(await stopped).toBe(false);
  });
});
