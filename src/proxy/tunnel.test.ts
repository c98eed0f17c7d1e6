import { describe, expect, test } from 'vitest';
import { Counters } from '../metrics/counters.ts';
import { nobody, type Socket, type SocketHandler } from '../net/socket.ts';
import { Wheel } from '../time/wheel.ts';
import { BufferBudget } from './buffer-budget.ts';
import { Tunnel } from './tunnel.ts';

/** A socket that says what was done to it. */
class Fake implements Socket {
  handler: SocketHandler = nobody;
  readonly remoteAddress = '127.0.0.1';
  readonly descriptor = -1;
  readonly secure = false;
  readonly tls = null;
  pending = 0;
  full = false;
  written = '';
  calls: string[] = [];

  write(chunk: Uint8Array): boolean {
    this.written += Buffer.from(chunk).toString();
    return !this.full;
  }
  writeCopy(bytes: Buffer, length: number): boolean {
    return this.write(bytes.subarray(0, length));
  }
  end(): void {
    this.calls.push('end');
  }
  close(): void {
    this.calls.push('close');
  }
  destroy(): void {
    this.calls.push('destroy');
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  charge(): void {}
}

function open(idle: number) {
  const [client, server] = [new Fake(), new Fake()];
  const wheel = new Wheel(1000);
  const closed: [number, number][] = [];
  const kept = new BufferBudget(2 ** 20, wheel, new Counters(), (run) => run());
  const onClose = (bytesIn: number, bytesOut: number) => void closed.push([bytesIn, bytesOut]);
  const reset = (socket: Socket) => void (socket as Fake).calls.push('reset');
  const tunnel = new Tunnel(client, server, wheel, kept, idle, onClose, () => {}, reset);
  tunnel.start(Buffer.from('early'), null);
  client.calls = [];
  server.calls = [];
  return { client, server, wheel, closed, tunnel };
}

const say = (from: Fake, text: string) => from.handler.onData(Buffer.from(text));

describe('Tunnel', () => {
  test('carries bytes both ways, those first that came before it stood', () => {
    const { client, server } = open(1000);
    say(client, ' more');
    say(server, 'echo');
    expect([server.written, client.written]).toEqual(['early more', 'echo']);
  });

  test('a peer that is full stops the one who sends, until it has taken all', () => {
    const { client, server } = open(1000);
    server.full = true;
    say(client, 'x');
    expect(client.calls).toEqual(['pause']);
    server.handler.onDrain();
    expect(client.calls).toEqual(['pause', 'resume']);
  });

  test('lives as long as anything moves within the idle time, then both sides are reset', () => {
    const { client, server, wheel, closed } = open(1000);
    for (let now = 1100; now <= 5000; now += 100) {
      wheel.turn(now);
      if (now % 500 === 0) say(now % 1000 === 0 ? client : server, '.');
    }
    expect(closed).toEqual([]);
    for (let now = 5100; now <= 5900; now += 100) wheel.turn(now);
    expect(closed).toEqual([]);
    for (let now = 6000; now <= 6300; now += 100) wheel.turn(now);
    expect(closed).toEqual([['early'.length + 4, 4]]);
    expect([client.calls, server.calls]).toEqual([['reset'], ['reset']]);
  });

  test('tells the client of a WebSocket, between two frames, that its server is going away, and sends nothing more', () => {
    const { client, server, tunnel, closed } = open(1000);
    tunnel.dismiss();
    expect(client.written).toBe('');
    tunnel.followFrames();
    server.handler.onData(Buffer.from([0x81, 3, 65, 66]));
    tunnel.dismiss();
    expect(client.written.length).toBe(4);
    server.handler.onData(Buffer.from([67]));
    tunnel.dismiss();
    tunnel.dismiss();
    server.handler.onData(Buffer.from([0x88, 0]));
    expect(client.written.length).toBe(9);
    expect(closed).toEqual([]);
    tunnel.cut();
    expect([client.calls, server.calls]).toEqual([['close'], ['close']]);
  });

  test('that is cut without a word is reset', () => {
    const { client, server, tunnel } = open(1000);
    tunnel.cut();
    expect([client.calls, server.calls]).toEqual([['reset'], ['reset']]);
  });

  test('without an idle time it never ends by itself', () => {
    const { wheel, closed } = open(0);
    for (let now = 1100; now <= 200_000; now += 100) wheel.turn(now);
    expect(closed).toEqual([]);
  });

  test('one FIN goes on to the other side; after both it ends in peace', () => {
    const { client, server, closed } = open(1000);
    client.handler.onEnd();
    expect(server.calls).toEqual(['end']);
    say(server, 'still here');
    expect(client.written).toBe('still here');
    server.handler.onEnd();
    expect([client.calls, server.calls]).toEqual([['close'], ['end', 'close']]);
    expect(closed).toEqual([[5, 10]]);
  });

  test('after both FINs who does not take the last bytes has thirty seconds', () => {
    const { client, server, wheel, closed } = open(1000);
    client.handler.onEnd();
    server.handler.onEnd();
    server.handler.onClose(null);
    for (let now = 1100; now <= 30_900; now += 100) wheel.turn(now);
    expect(client.calls).toEqual(['close']);
    for (let now = 31_000; now <= 31_300; now += 100) wheel.turn(now);
    expect(client.calls).toEqual(['close', 'destroy']);
    expect(closed).toHaveLength(1);
  });

  test('a broken side breaks the other', () => {
    const { client, server, closed } = open(1000);
    client.handler.onClose(new Error('ECONNRESET'));
    expect([client.calls, server.calls]).toEqual([[], ['reset']]);
    expect(closed).toHaveLength(1);
  });

  test('a side that is gone without a FIN is a broken one', () => {
    const { client, server } = open(1000);
    server.handler.onClose(null);
    expect([client.calls, server.calls]).toEqual([['reset'], []]);
  });
});
