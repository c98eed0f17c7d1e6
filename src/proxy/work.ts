/** What all connections of one worker share: the tools, and one set of scratch objects used within one loop turn. */
import { type HeadLimits, RequestHead, ResponseHead } from '../http/head.ts';
import { Splice } from '../http/splice.ts';
import { HeadWriter } from '../http/writer.ts';
import type { AccessLog } from '../metrics/access-log.ts';
import type { Counters } from '../metrics/counters.ts';
import type { Descriptors } from '../net/descriptors.ts';
import { SendQueues } from '../net/send-queue.ts';
import type { Net } from '../net/socket.ts';
import type { Clock } from '../time/clock.ts';
import type { Wheel } from '../time/wheel.ts';
import type { BufferBudget } from './buffer-budget.ts';
import { WriteBatch } from './client/write-batch.ts';
import type { DebugLog } from './debug-log.ts';
import { Exchange } from './exchange.ts';
import { IndexedSet } from './indexed-set.ts';
import type { Pool } from './pool.ts';
import type { ServerConnection } from './server/connection.ts';
import type { Tunnel } from './tunnel.ts';

export interface WorkOptions {
  readonly net: Net;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly counters: Counters;
  /** The worker's. */
  readonly kept: BufferBudget;
  readonly descriptors: Descriptors;
  /** Told why this machine could not make a connection to a server, or accept one of a client. */
  readonly tellShortage: TellShortage;
  /** null: no access log. */
  readonly accessLog: AccessLog | null;
  /** null: `log.level` is not debug. */
  readonly debug: DebugLog | null;
  readonly limits: HeadLimits;
  /** Exchanges run in it. Not in a pool's, which only reads answers: it needs no room to write. */
  readonly hasExchanges: boolean;
  /** Finds the pool of a request; null: no route matches. */
  readonly route: (head: RequestHead) => Route | null;
}

/** `reason` is for a person; `at` the address. */
export type TellShortage = (what: 'connect' | 'accept', reason: string, at: string) => void;

export interface Route {
  readonly pool: Pool;
  /** False: `affinity: none`. */
  readonly affinity: boolean;
}

/** Room for a head and a small body in one write. */
const writerBytes = 64 * 1024;
/** Room for the heads that leave on one connection when a loop turn is over; one that has grown beyond the second is not kept. */
const gatherBytes = 2 * 1024;
const maxGatherBytes = 16 * 1024;
/** Exchanges, and writers of that kind, kept for reuse. */
const maxSpare = 1024;
const maxSpareWriters = 256;

export class Work {
  readonly net: Net;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly counters: Counters;
  readonly kept: BufferBudget;
  readonly descriptors: Descriptors;
  readonly tellShortage: TellShortage;
  readonly accessLog: AccessLog | null;
  readonly debug: DebugLog | null;
  /** Another config brings another one. */
  route: (head: RequestHead) => Route | null;

  readonly request: RequestHead;
  readonly response: ResponseHead;
  readonly requestEdit = new Splice();
  readonly responseEdit = new Splice();
  readonly toServer: HeadWriter;
  readonly toClient: WriteBatch;
  /** Whose head and edits `request` and `requestEdit` hold now. */
  current: Exchange | null = null;
  readonly tunnels = new IndexedSet<Tunnel>();
  readonly sendQueues: SendQueues;
  /** Largest head, in bytes. */
  readonly headBytes: number;
  /** No new exchange is to follow on any connection. */
  stopping = false;

  private readonly spare: Exchange[] = [];
  private readonly spareWriters: HeadWriter[] = [];
  /** Connections with requests that are written when this loop turn is over. */
  private gathered: ServerConnection[] = [];
  /** Wheel time of the last look at the clock, and what it said (Unix seconds). */
  private lookedAt = -1;
  private second = 0;
  private dateSecond = -1;
  private dateText = '';

  constructor(options: WorkOptions) {
    this.net = options.net;
    this.clock = options.clock;
    this.sendQueues = new SendQueues(() => options.clock.monotonic());
    this.wheel = options.wheel;
    this.counters = options.counters;
    this.kept = options.kept;
    this.descriptors = options.descriptors;
    this.tellShortage = options.tellShortage;
    this.accessLog = options.accessLog;
    this.debug = options.debug;
    this.route = options.route;
    this.headBytes = options.limits.headBytes;
    this.request = new RequestHead(options.limits);
    this.response = new ResponseHead(options.limits);
    const room = options.hasExchanges ? writerBytes : 0;
    this.toServer = new HeadWriter(room);
    this.toClient = new WriteBatch(room);
  }

  /** Has the connection write what it gathered at the end of this loop turn. */
  gather(upstream: ServerConnection): void {
    if (this.gathered.push(upstream) === 1) this.net.afterTurn(this.writeGathered);
  }

  private readonly writeGathered = (): void => {
    const { gathered } = this;
    for (let i = 0; i < gathered.length; i++) gathered[i]!.writeGathered();
    gathered.length = 0;
  };

  takeWriter(): HeadWriter {
    return this.spareWriters.pop() ?? new HeadWriter(gatherBytes);
  }

  returnWriter(writer: HeadWriter): void {
    writer.clear();
    const { spareWriters } = this;
    if (spareWriters.length < maxSpareWriters && writer.bytes.length <= maxGatherBytes) spareWriters.push(writer);
  }

  /** Unix seconds, as sessions are timed; as good as a tick of the wheel, because a look at the clock costs more than what asks. */
  seconds(): number {
    const { now } = this.wheel;
    if (now !== this.lookedAt) {
      this.lookedAt = now;
      this.second = Math.floor(this.clock.now() / 1000);
    }
    return this.second;
  }

  /** The time as HTTP writes it (RFC 9110 section 5.6.7); made anew once a second. */
  date(): string {
    const second = Math.floor(this.clock.wall() / 1000);
    if (second !== this.dateSecond) {
      this.dateSecond = second;
      this.dateText = new Date(second * 1000).toUTCString();
    }
    return this.dateText;
  }

  takeExchange(): Exchange {
    return this.spare.pop() ?? new Exchange(this);
  }

  returnExchange(exchange: Exchange): void {
    if (this.spare.length < maxSpare) this.spare.push(exchange);
  }
}
