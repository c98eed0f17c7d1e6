import { createSocket } from 'node:dgram';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeNet } from '../../test/support/fake-net.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import type { SyslogOptions } from '../config/options.ts';
import { writeToSyslog } from './syslog.ts';

function stage(options: Pick<SyslogOptions, 'protocol' | 'address'>) {
  const net = new FakeNet();
  const time = new HandTime();
  const deps = { net, clock: time, timers: time, hostname: 'host', pid: 42 };
  const write = writeToSyslog({ ...options, facility: 16, tag: 'limpet' }, deps);
  const results: unknown[] = [];
  const send = (lines: string) =>
    write(Buffer.from(lines), (error, written) => results.push(error === null ? written : error.message));
  const message = (line: string) => `<134>1 ${new Date(time.wall()).toISOString()} host limpet 42 access - ${line}`;
  return { net, time, write, send, results, message };
}

const address = { kind: 'tcp', host: '127.0.0.1', port: 601 } as const;

describe('over a connection', () => {
  test('each message has its length before it, and a connection that is full is waited for', () => {
    const { net, send, results, message } = stage({ protocol: 'tcp', address });
    send('one\ntwo\n');
    net.last.open();
    const framed = (line: string) => `${message(line).length} ${message(line)}`;
    expect(net.last.received).toBe(framed('one') + framed('two'));
    net.last.slow = true;
    send('three\n');
    expect(results).toEqual([8]);
    net.last.drain();
    expect(results).toEqual([8, 6]);
    expect(net.peers).toHaveLength(1);
  });

  test('that cannot be made fails at once for a second, and is then tried again', () => {
    const { net, time, send, results } = stage({ protocol: 'tcp', address });
    send('one\n');
    net.last.fail('connect ECONNREFUSED');
    send('two\n');
    expect(results).toEqual(['connect ECONNREFUSED', 'connect ECONNREFUSED']);
    time.advance(1000);
    send('three\n');
    net.last.open();
    expect(results.slice(2)).toEqual([6]);
    expect(net.peers).toHaveLength(2);
  });

  test('that takes too long is given up', () => {
    const { net, time, send, results } = stage({ protocol: 'tcp', address });
    send('one\n');
    time.advance(5000);
    expect(results).toEqual(['no connection within 5 s']);
    expect(net.last.state).toBe('cancelled');
    expect(time.pending).toBe(0);
  });

  test('that is gone loses what waits for it, and the next lines get another one', () => {
    const { net, time, send, results } = stage({ protocol: 'unix', address: { kind: 'unix', path: '/run/syslog' } });
    send('one\n');
    net.last.open();
    net.last.slow = true;
    send('two\n');
    time.advance(2000);
    net.last.leave(null);
    expect(results).toEqual([4, 'the syslog server has closed the connection']);
    send('three\n');
    net.last.open();
    expect(results.slice(2)).toEqual([6]);
  });
});

describe('as datagrams', () => {
  test('each line is one', async () => {
    const server = createSocket('udp4');
    onTestFinished(() => void server.close());
    const received: string[] = [];
    const both = new Promise<void>((resolve) => {
      server.on('message', (bytes) => {
        if (received.push(bytes.toString()) === 2) resolve();
      });
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const { port } = server.address();
    const { write, message } = stage({ protocol: 'udp', address: { ...address, port } });
    const written = await new Promise((resolve) => write(Buffer.from('one\ntwo\n'), (_, bytes) => resolve(bytes)));
    await both;
    expect(written).toBe(8);
    expect(received).toEqual([message('one'), message('two')]);
  });
});
