/** One client of the bridge that speaks HTTP/1.1, and its requests as streams of a session of HTTP/2. */
import type { Socket } from 'node:net';
import { Exchange, type ExchangeOwner, type Outcome } from './exchange.ts';
import { toStream } from './fields.ts';
import { resetWhenSent } from './relay.ts';
import { RequestReader } from './request-reader.ts';
import type { Member, Session } from './session.ts';

/** Pipelined requests whose responses are under way at the same time. */
const maxExchanges = 8;
/** A client that reads slowly may be so much behind: as much as the kernel would keep for it. */
const maxUnsentBytes = 512 * 1024;

export class H2Client implements ExchangeOwner, Member {
  private readonly client: Socket;
  private readonly session: Session;
  private readonly reader = new RequestReader();
  /** In the order of the requests; the first one is delivered. */
  private readonly exchanges: Exchange[] = [];
  /** Its request is not read to its end. */
  private uploading: Exchange | null = null;
  private tunnel: Exchange | null = null;
  /** The stream takes no more of the upload at the moment. */
  private isBlocked = false;
  /** What the client sends from now on is dropped. */
  private isOver = false;

  constructor(client: Socket, session: Session) {
    this.client = client;
    this.session = session;
    session.members.add(this);
    client.setNoDelay(true);
    client.on('data', (data: Buffer) => {
      if (this.isOver) return;
      this.reader.push(data);
      this.read();
    });
    client.on('drain', () => this.exchanges[0]?.onDrain());
    client.on('end', () => this.ended());
    client.on('error', () => {});
    client.on('close', (failed) => {
      this.stop();
      session.left(this, failed || !client.readableEnded);
    });
  }

  write(bytes: Buffer): boolean {
    if (!this.client.writable) return true;
    this.client.write(bytes);
    return this.client.writableLength < maxUnsentBytes;
  }

  tunnelOpened(): void {
    this.tunnel = this.exchanges[0] ?? null;
    this.read();
  }

  tunnelEnded(): void {
    this.client.end();
  }

  finished(outcome: Outcome): void {
    this.exchanges.shift();
    if (outcome === 'whole') {
      this.exchanges[0]?.deliver();
      this.read();
      if (this.exchanges.length === 0 && this.session.isClosed) this.end();
    } else if (outcome === 'broken') {
      this.stop();
      resetWhenSent(this.client);
    } else this.end();
  }

  sessionClosed(failed: boolean): void {
    // Its exchanges tell of their own ends.
    if (this.exchanges.length > 0) return;
    if (failed) resetWhenSent(this.client);
    else this.end();
  }

  private read(): void {
    try {
      while (this.readPart());
    } catch (error) {
      this.session.report(`a request that HTTP/2 cannot carry: ${error instanceof Error ? error.message : error}`);
      this.stop();
      this.client.resetAndDestroy();
    }
    if (this.isBlocked || (!this.isOver && this.isFull)) this.client.pause();
    else this.client.resume();
  }

  private get isFull(): boolean {
    return this.exchanges.length >= maxExchanges || this.isUpgrading;
  }

  private get isUpgrading(): boolean {
    return this.tunnel === null && this.exchanges.at(-1)?.isUpgrade === true;
  }

  /** False: nothing to read, or it has to wait. */
  private readPart(): boolean {
    if (this.isBlocked || this.isOver) return false;
    if (this.tunnel !== null) {
      const rest = this.reader.takeAll();
      if (rest.length > 0) this.send(this.tunnel, rest);
      return false;
    }
    if (this.uploading === null && this.isFull) return false;
    const part = this.reader.next();
    if (part === null) return false;
    if (part.kind === 'head') {
      const exchange = new Exchange(this.session.http2, toStream(part, this.session.scheme), part.bodiless, this);
      this.uploading = exchange;
      if (this.exchanges.push(exchange) === 1) exchange.deliver();
    } else if (part.kind === 'data') this.send(this.uploading, part.data);
    else {
      const sent = this.uploading;
      this.uploading = null;
      sent?.sendEnd(part.trailers);
    }
    return true;
  }

  private send(exchange: Exchange | null, data: Buffer): void {
    if (exchange === null || exchange.send(data)) return;
    this.isBlocked = true;
    const goOn = () => {
      exchange.stream.off('drain', goOn).off('close', goOn);
      this.isBlocked = false;
      this.read();
    };
    exchange.stream.on('drain', goOn).on('close', goOn);
  }

  /** Our FIN; what still comes is read and dropped, so that no reset of ours overtakes the response. */
  private end(): void {
    this.stop();
    this.client.end();
    this.client.resume();
  }

  private stop(): void {
    this.isOver = true;
    for (const exchange of this.exchanges) exchange.cancel();
  }

  /** The client sends nothing more. But for a tunnel that is the same to the balancer as its leaving, as it is over HTTP/1.1. */
  private ended(): void {
    if (this.tunnel !== null) this.tunnel.stream.end();
    else this.end();
  }
}
