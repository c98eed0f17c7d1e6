/**
 * One request of a client of the bridge, and its stream of HTTP/2. What comes of the response is written as HTTP/1.1, or kept until the
 * responses of the requests before it are written.
 */
import { createHash } from 'node:crypto';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import type { Header } from '../raw.ts';
import { lineOf, pairsOf, responseHead, type StreamRequest } from './fields.ts';

/** The connection of the client. */
export interface ExchangeOwner {
  /** False: the stream is to pause until `onDrain`. */
  write(bytes: Buffer): boolean;
  /** 101 was written. */
  tunnelOpened(): void;
  /** The server sends nothing more through it. */
  tunnelEnded(): void;
  /** All of the response was written. Never before `deliver`. */
  finished(outcome: Outcome): void;
}

/** The state of the response after the last byte of it. */
export type Outcome =
  /** The connection stays. */
  | 'whole'
  /** Whole, and the connection ends with it. */
  | 'last'
  /** Not whole, which the framing shows: an end of the connection is enough. */
  | 'cut'
  /** Nothing shows it but a reset. */
  | 'broken';

const maxKeptBytes = 512 * 1024;

export class Exchange {
  readonly stream: ClientHttp2Stream;
  readonly isUpgrade: boolean;
  /** 101 was written: from here both sides send what they like. */
  isTunnel = false;
  /** Set when the whole request was read. */
  isSent = false;
  private readonly session: ClientHttp2Session;
  private readonly request: StreamRequest;
  private readonly isHead: boolean;
  private readonly owner: ExchangeOwner;
  private isDelivered = false;
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private trailers: Header[] = [];
  private framing: 'none yet' | 'none' | 'length' | 'chunked' = 'none yet';
  private missing = 0;
  private isEnded = false;
  private isFinished = false;
  private outcome: Outcome | null = null;

  constructor(session: ClientHttp2Session, request: StreamRequest, bodiless: boolean, owner: ExchangeOwner) {
    this.session = session;
    this.request = request;
    this.owner = owner;
    this.isHead = request.fields[1] === 'HEAD';
    this.isUpgrade = request.webSocketKey !== '';
    const endStream = bodiless && !this.isUpgrade;
    this.isSent = bodiless;
    this.stream = session.request(request.fields, { endStream, waitForTrailers: !bodiless });
    const raw =
      (use: (fields: readonly string[], flags: number) => void) => (_: unknown, flags: number, all: string[]) =>
        use(all, flags);
    this.stream
      .on(
        'headers',
        raw((fields) => this.interim(fields)),
      )
      .on(
        'response',
        raw((fields, flags) => this.head(fields, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0)),
      )
      .on(
        'trailers',
        raw((fields) => this.trailers.push(...pairsOf(fields))),
      )
      .on('data', (data: Buffer) => this.data(data))
      .on('end', () => this.end())
      // Its code says all: see `closed`.
      .on('error', () => {})
      .on('close', () => this.closed());
  }

  /** It is the turn of this response. */
  deliver(): void {
    this.isDelivered = true;
    const kept = this.kept;
    this.kept = [];
    let goesOn = true;
    for (const bytes of kept) goesOn = this.owner.write(bytes);
    if (goesOn) this.stream.resume();
    if (this.isTunnel) this.owner.tunnelOpened();
    this.tell();
  }

  onDrain(): void {
    this.stream.resume();
  }

  /** A part of the body. False: wait for the stream's `drain`. */
  send(data: Buffer): boolean {
    return this.stream.destroyed || this.stream.writableEnded || this.stream.write(data);
  }

  sendEnd(trailers: readonly Header[]): void {
    this.isSent = true;
    // A stream that is to become a tunnel stays open.
    if (!this.isUpgrade && !this.stream.destroyed && !this.stream.writableEnded) {
      const fields: Record<string, string[]> = {};
      for (const [name, value] of trailers) (fields[name.toLowerCase()] ??= []).push(value);
      this.stream.once('wantTrailers', () => this.stream.sendTrailers(fields));
      this.stream.end();
    }
    this.tell();
  }

  cancel(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }

  private interim(fields: readonly string[]): void {
    this.put(responseHead(statusOf(fields), pairsOf(fields)));
  }

  private head(fields: readonly string[], isEnd: boolean): void {
    const status = statusOf(fields);
    if (this.isUpgrade && status === 200) {
      this.openTunnel(pairsOf(fields));
      return;
    }
    if (this.isUpgrade) this.stream.end();
    const pairs = pairsOf(fields);
    const length = pairs.find(([name]) => name === 'content-length')?.[1];
    if (this.isHead || status === 204 || status === 304) this.framing = 'none';
    else if (length !== undefined || isEnd) {
      this.framing = 'length';
      this.missing = Number(length ?? 0);
      if (length === undefined) pairs.push(['content-length', '0']);
    } else {
      this.framing = 'chunked';
      pairs.push(['transfer-encoding', 'chunked']);
    }
    if (this.isLast()) pairs.push(['connection', 'close']);
    this.put(responseHead(status, pairs));
    if (isEnd) this.end();
  }

  private openTunnel(pairs: Header[]): void {
    this.isTunnel = true;
    this.framing = 'none';
    const key = `${this.request.webSocketKey}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const upgrade: Header[] = [
      ['connection', 'Upgrade'],
      ['upgrade', 'websocket'],
      ['sec-websocket-accept', accept],
    ];
    this.put(responseHead(101, [...upgrade, ...pairs.filter(([name]) => name !== 'content-length')]));
    if (this.isDelivered) this.owner.tunnelOpened();
  }

  private data(data: Buffer): void {
    this.missing -= data.length;
    const size = Buffer.from(`${data.length.toString(16)}\r\n`);
    this.put(this.framing === 'chunked' ? Buffer.concat([size, data, Buffer.from('\r\n')]) : data);
  }

  private end(): void {
    if (this.isEnded || this.stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
    this.isEnded = true;
    if (this.isTunnel) this.owner.tunnelEnded();
    if (this.framing === 'chunked') {
      const lines = ['0', ...this.trailers.map(lineOf)];
      this.put(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
    }
    this.tell();
  }

  private closed(): void {
    this.outcome ??= this.outcomeOfEnd();
    this.tell();
  }

  private outcomeOfEnd(): Outcome {
    if (this.framing === 'none yet') return 'broken';
    if (this.isTunnel) return this.isEnded ? 'last' : 'broken';
    if (this.isEnded && (this.framing !== 'length' || this.missing === 0)) {
      return this.isSent && !this.isLast() ? 'whole' : 'last';
    }
    return 'cut';
  }

  private isLast(): boolean {
    return this.request.isLast || this.session.closed || this.session.destroyed;
  }

  private put(bytes: Buffer): void {
    if (this.isDelivered) {
      if (!this.owner.write(bytes)) this.stream.pause();
      return;
    }
    this.kept.push(bytes);
    this.keptBytes += bytes.length;
    if (this.keptBytes > maxKeptBytes) this.stream.pause();
  }

  private tell(): void {
    if (!this.isDelivered || this.isFinished) return;
    // The stream may take some time to close: a client with all of its response need not wait for that.
    if (this.isEnded && this.isSent && !this.isTunnel) this.outcome ??= this.outcomeOfEnd();
    if (this.outcome === null) return;
    this.isFinished = true;
    this.owner.finished(this.outcome);
  }
}

function statusOf(fields: readonly string[]): number {
  return Number(fields[fields.indexOf(':status') + 1]);
}
