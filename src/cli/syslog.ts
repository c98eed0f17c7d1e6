/**
 * Sends the lines of a log to a syslog server, each as a message of RFC 5424: as a datagram (RFC 5426), or over a connection with the
 * length before each message (RFC 6587 section 3.4.1). What cannot be sent is for `Output` to count.
 *
 *      <134>1 2026-03-01T12:00:00.123Z host limpet 4711 access - the line
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { SyslogOptions } from '../config/options.ts';
import type { ConnectHandler, Net, Socket, SocketHandler } from '../net/socket.ts';
import type { Clock, Timers } from '../time/clock.ts';
import type { WriteBytes } from './output.ts';

export interface SyslogDependencies {
  readonly net: Net;
  readonly clock: Pick<Clock, 'wall' | 'monotonic'>;
  readonly timers: Timers;
  readonly hostname: string;
  readonly pid: number;
}

/** RFC 5424 section 6.2.1: informational. */
const severity = 6;
/** A datagram holds this many bytes at most; a longer line is cut. */
const mostDatagramBytes = 60_000;
/** A connection that is not made after this long (ms) has failed, and the next one is tried so much later. */
const connectTimeoutMs = 5000;
const retryMs = 1000;

const lineFeed = 10;

/** For `Output`. */
export function writeToSyslog(options: SyslogOptions, deps: SyslogDependencies): WriteBytes {
  const send = options.protocol === 'udp' ? new Datagrams(options) : new Stream(options, deps);
  return (bytes, done) => {
    const head = headOf(options, deps);
    const lines = linesOf(bytes);
    send.send(
      lines.map((line) => Buffer.concat([head, line])),
      (error, sent) => done(error, error === null ? bytes.length : lengthOf(lines.slice(0, sent))),
    );
  };
}

/** `sent`: so many messages were, when there was an error. */
type Sent = (error: Error | null, sent: number) => void;

/** Sends messages in their order. */
interface MessageSender {
  send(messages: readonly Buffer[], done: Sent): void;
}

function headOf({ facility, tag }: SyslogOptions, { clock, hostname, pid }: SyslogDependencies): Buffer {
  const time = new Date(clock.wall()).toISOString();
  return Buffer.from(`<${facility * 8 + severity}>1 ${time} ${hostname || '-'} ${tag} ${pid} access - `);
}

function linesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
    if (end > start) lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** As they stood in the log, each with its line feed. */
function lengthOf(lines: readonly Uint8Array[]): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}

class Datagrams implements MessageSender {
  private readonly options: SyslogOptions;
  /** Connected: then the kernel reports when nothing listens there. null: it is not open, or not connected yet. */
  private socket: UdpSocket | null = null;
  /** What the kernel has reported of datagrams that had been sent before; null: nothing. */
  private failure: Error | null = null;
  private messages: readonly Buffer[] = [];
  private sent = 0;
  private waiting: Sent | null = null;

  constructor(options: SyslogOptions) {
    this.options = options;
  }

  send(messages: readonly Buffer[], done: Sent): void {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) {
      done(failure, 0);
      return;
    }
    this.messages = messages;
    this.sent = 0;
    this.waiting = done;
    if (this.socket === null) this.open();
    else this.sendNext(this.socket);
  }

  private open(): void {
    const { address } = this.options;
    if (address.kind !== 'tcp') throw new Error('datagrams go to a host and a port');
    const socket = createSocket(isIPv6(address.host) ? 'udp6' : 'udp4');
    socket.unref();
    socket.on('error', (error) => {
      this.socket = null;
      socket.close();
      if (this.waiting === null) this.failure = error;
      else this.settle(error);
    });
    socket.connect(address.port, address.host, () => {
      this.socket = socket;
      this.sendNext(socket);
    });
  }

  private sendNext(socket: UdpSocket): void {
    const message = this.messages[this.sent];
    if (message === undefined) {
      this.settle(null);
      return;
    }
    socket.send(message.subarray(0, mostDatagramBytes), (error) => {
      // It has failed, and was settled, meanwhile.
      if (this.socket !== socket) return;
      if (error != null) {
        this.settle(error);
        return;
      }
      this.sent++;
      this.sendNext(socket);
    });
  }

  private settle(error: Error | null): void {
    const { waiting } = this;
    this.waiting = null;
    waiting?.(error, this.sent);
  }
}

class Stream implements MessageSender, SocketHandler, ConnectHandler {
  private readonly options: SyslogOptions;
  private readonly deps: SyslogDependencies;
  private socket: Socket | null = null;
  private failure = new Error('it is not connected');
  private triedAt = Number.NEGATIVE_INFINITY;
  /** What waits for the connection, or for room in it. */
  private messages: readonly Buffer[] = [];
  private waiting: Sent | null = null;
  private cancelConnect: () => void = () => {};

  constructor(options: SyslogOptions, deps: SyslogDependencies) {
    this.options = options;
    this.deps = deps;
  }

  send(messages: readonly Buffer[], done: Sent): void {
    this.waiting = done;
    if (this.socket !== null) {
      this.write(this.socket, messages);
      return;
    }
    const now = this.deps.clock.monotonic();
    if (now - this.triedAt < retryMs) {
      this.settle(this.failure);
      return;
    }
    this.triedAt = now;
    this.messages = messages;
    this.connect();
  }

  private connect(): void {
    const { net, timers } = this.deps;
    const connecting = net.connect(this.options.address, this);
    this.cancelConnect = timers.after(connectTimeoutMs, () => {
      connecting.cancel();
      this.onFail(new Error(`no connection within ${connectTimeoutMs / 1000} s`));
    });
  }

  private write(socket: Socket, messages: readonly Buffer[]): void {
    const framed = messages.flatMap((message) => [Buffer.from(`${message.length} `), message]);
    if (socket.write(Buffer.concat(framed))) this.settle(null);
  }

  private settle(error: Error | null): void {
    const { waiting } = this;
    this.waiting = null;
    this.messages = [];
    waiting?.(error, 0);
  }

  onOpen(socket: Socket): SocketHandler {
    this.cancelConnect();
    this.socket = socket;
    this.write(socket, this.messages);
    return this;
  }

  onFail(error: Error): void {
    this.cancelConnect();
    this.failure = error;
    this.settle(error);
  }

  onData(): void {}

  onDrain(): void {
    this.settle(null);
  }

  onEnd(): void {
    this.socket?.destroy();
  }

  onClose(error: Error | null): void {
    this.socket = null;
    this.failure = error ?? new Error('the syslog server has closed the connection');
    if (this.waiting !== null) this.settle(this.failure);
  }
}
