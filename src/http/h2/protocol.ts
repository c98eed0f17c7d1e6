/**
 * HTTP/2 on one connection, of either side: bytes in, calls of a handler out, and what this side has to say is written into `out`, which the
 * caller sends after each call. No sockets and no clock: the time of a read is handed in.
 *
 *      bytes -> FrameReader -> HeaderBlock -> HpackDecoder -> Streams, windows and limits -> ProtocolHandler
 *
 * An error of a stream resets it, an error of the connection ends everything with GOAWAY; `read` then takes nothing more. A caller with DATA
 * of several streams gives them turns by send-turns.ts.
 */
import type { HeadWriter } from '../writer.ts';
import { Abuse, AbuseCounters } from './abuse.ts';
import { ErrorCode, type H2Error, h2Errors } from './errors.ts';
import { ReceiveWindow, SendWindow } from './flow.ts';
import {
  beginHeaders,
  beginSettings,
  clientPreface,
  defaultMaxFrameSize,
  defaultWindowSize,
  endHeaders,
  Flag,
  FrameType,
  maxStreamId,
  pingBytes,
  SettingId,
  writeData,
  writeGoaway,
  writePing,
  writeResetStream,
  writeSetting,
  writeSettingsAck,
  writeWindowUpdate,
} from './frame.ts';
import { FrameEvent, FrameReader } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';
import { HpackDecoder, type HpackError } from './hpack/decoder.ts';
import type { FieldList } from './hpack/field-list.ts';
import type { ProtocolHandler, ProtocolSettings } from './protocol-handler.ts';
import { Repeat, RepeatedBlock } from './repeated-block.ts';
import { PeerSettings } from './settings.ts';
import { type Stream, Streams } from './streams.ts';

/** DATA that the other side's windows make smaller than this is its doing. */
const smallDataBytes = 1024;

/** As `FieldList` counts them. Some fifty ordinary requests, or one whose fields are large. */
const maxTurnFieldBytes = 16 * 1024;

export class Protocol {
  readonly peer = new PeerSettings();
  readonly streams: Streams;
  private readonly isServer: boolean;
  private readonly settings: ProtocolSettings;
  private readonly handler: ProtocolHandler;
  private readonly out: HeadWriter;
  /** One of the worker, for all connections. */
  private readonly fields: FieldList;
  private readonly reader: FrameReader;
  private readonly block: HeaderBlock;
  private readonly decoder: HpackDecoder;
  private readonly repeated = new RepeatedBlock();
  private readonly abuse: AbuseCounters;
  private readonly sendWindow = new SendWindow(defaultWindowSize);
  private readonly receiveWindow = new ReceiveWindow(defaultWindowSize);
  /** Receive window of streams that are opened now. A smaller one than the default counts once the other side has acknowledged it. */
  private streamWindowBytes: number;
  private unacknowledged = 0;
  /** PING frames of this side that have not been answered. */
  private pings = 0;
  /** The stream whose window holds the DATA frame that is being read; 0: none. */
  private dataStreamId = 0;
  /** The rest of that frame has been given back already, because the stream was reset. */
  private isRestGivenBack = false;
  /** Of the requests that were read in this turn. */
  private turnFieldBytes = 0;
  private nowMs: number;
  private hasFailed = false;
  private hasPeerGoaway = false;
  /** Streams of the other side above this identifier are not served, once GOAWAY has been sent. */
  private lastServedId = maxStreamId;

  constructor(
    isServer: boolean,
    settings: ProtocolSettings,
    handler: ProtocolHandler,
    fields: FieldList,
    out: HeadWriter,
    nowMs: number,
  ) {
    this.isServer = isServer;
    this.settings = settings;
    this.handler = handler;
    this.fields = fields;
    this.out = out;
    this.nowMs = nowMs;
    this.streams = new Streams(isServer);
    this.reader = new FrameReader(defaultMaxFrameSize, isServer);
    this.block = new HeaderBlock(settings);
    this.decoder = new HpackDecoder(settings.headerTableBytes);
    this.abuse = new AbuseCounters(settings.abuse, nowMs);
    this.streamWindowBytes = Math.max(defaultWindowSize, settings.streamWindowBytes);
  }

  /** Memory for what is cut. */
  get keptBytes(): number {
    return this.reader.keptBytes + this.block.keptBytes;
  }

  /** It is in the middle of a frame that is no DATA, or of a header block: the other side owes the rest. */
  get isCut(): boolean {
    return this.reader.isCut;
  }

  /** Bytes of the header block that was read last, compressed. */
  get blockBytes(): number {
    return this.block.end - this.block.start;
  }

  /** What this side sends first. */
  begin(): void {
    const { settings, out } = this;
    if (!this.isServer) out.copy(clientPreface, 0, clientPreface.length);
    beginSettings(out, this.isServer ? (settings.connectProtocol ? 5 : 4) : 4);
    writeSetting(out, SettingId.headerTableSize, settings.headerTableBytes);
    if (this.isServer) writeSetting(out, SettingId.maxConcurrentStreams, settings.maxConcurrentStreams);
    else writeSetting(out, SettingId.enablePush, 0);
    writeSetting(out, SettingId.initialWindowSize, settings.streamWindowBytes);
    writeSetting(out, SettingId.maxHeaderListSize, settings.maxHeaderListBytes);
    if (this.isServer && settings.connectProtocol) writeSetting(out, SettingId.enableConnectProtocol, 1);
    this.unacknowledged++;
    const increment = this.receiveWindow.enlarge(settings.connectionWindowBytes);
    if (increment > 0) writeWindowUpdate(out, 0, increment);
  }

  /** Takes all of what has come. */
  read(bytes: Buffer, nowMs: number): void {
    for (let p = 0; p >= 0; ) p = this.readTurn(bytes, p, nowMs);
  }

  /**
   * Takes what has come, from `from` on, up to as many requests as one turn of the event loop is for (`maxTurnFieldBytes`): a few bytes
   * of a header block may stand for many of a request. Returns where the next turn goes on; negative: all of it is taken.
   */
  readTurn(bytes: Buffer, from: number, nowMs: number): number {
    this.nowMs = nowMs;
    this.turnFieldBytes = 0;
    const { reader } = this;
    for (let p = from; !this.hasFailed; ) {
      p = reader.read(bytes, p);
      if (reader.event === FrameEvent.none) break;
      if (reader.event === FrameEvent.data) this.onData();
      else if (reader.event === FrameEvent.frame) this.onFrame();
      else if (reader.event === FrameEvent.ignored) this.count(Abuse.emptyFrames);
      else this.fail(reader.error!);
      if (this.turnFieldBytes > maxTurnFieldBytes) return p;
    }
    return -1;
  }

  // What this side sends.

  /** null: not on this connection, now or ever. */
  openStream(): Stream | null {
    const { streams, peer } = this;
    if (this.hasFailed || this.hasPeerGoaway || streams.ownCount >= peer.maxConcurrentStreams) return null;
    return streams.addOwnStream(peer.initialWindowSize, this.streamWindowBytes);
  }

  /** Behind this the caller writes the block into `out`, and then calls `endHeaders` with the number returned. */
  beginHeaders(stream: Stream, endStream: boolean): number {
    this.abuse.onHeadersSent();
    return beginHeaders(this.out, stream.id, endStream);
  }

  endHeaders(stream: Stream, frame: number, endStream: boolean): void {
    endHeaders(this.out, frame, this.peer.maxFrameSize);
    if (endStream) this.streams.change(stream, 'end-sent');
  }

  /** Within `onData`: the piece is the last one of a frame with END_STREAM. */
  get isLastData(): boolean {
    return this.reader.endsStream;
  }

  /** Bytes of DATA that the windows allow now. */
  room(stream: Stream): number {
    return Math.max(0, Math.min(this.sendWindow.left, stream.sendWindow.left));
  }

  /** One DATA frame with as much as may be sent. Returns the offset after it; END_STREAM is sent with the last byte only. */
  sendData(stream: Stream, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (!stream.maySend) return start;
    const size = Math.min(end - start, this.room(stream), this.peer.maxFrameSize);
    const isLast = endStream && start + size === end;
    if (size === 0 && !isLast) return start;
    writeData(this.out, stream.id, bytes, start, start + size, isLast);
    this.sendWindow.take(size);
    stream.sendWindow.take(size);
    this.abuse.onDataSent(size < end - start && size < smallDataBytes);
    if (isLast) this.streams.change(stream, 'end-sent');
    return start + size;
  }

  /** So many bytes of `onData` have gone on, or were dropped. */
  consume(stream: Stream, bytes: number): void {
    // With a reset, all that the stream held was given back.
    if (stream.isReset || this.hasFailed) return;
    this.giveBack(bytes);
    const increment = stream.receiveWindow.consume(bytes);
    if (increment > 0 && stream.mayReceive) writeWindowUpdate(this.out, stream.id, increment);
  }

  /**
   * Within `onHeaders` of a request whose `fields.repeat` is `again`: the handler has kept what it has made of the fields. When the same
   * block comes again, `fields.repeat` is `kept`, and the fields are not given.
   */
  keepFields(): void {
    this.repeated.keep();
  }

  reset(stream: Stream, code: number): void {
    if (stream.state === 'closed' || this.hasFailed) return;
    writeResetStream(this.out, stream.id, code);
    this.streams.rememberReset(stream.id);
    this.close(stream);
  }

  /** Whether the other side is still there: its answer is `onPong`. */
  ping(): void {
    this.pings++;
    writePing(this.out, false, noOpaque, 0);
  }

  /**
   * The other side's message is malformed (RFC 9113 section 8.1.1): a reset that it has caused, of which not many are allowed. It counts also
   * when both sides have ended the stream before: a request that a server has begun is broken off all the same.
   */
  resetMalformed(stream: Stream): void {
    this.reset(stream, ErrorCode.protocolError);
    this.count(Abuse.forcedResets);
  }

  /** RFC 9113 section 6.8: first that the end is near, and a round trip later `goaway`, so that no stream is lost between. */
  announceGoaway(): void {
    writeGoaway(this.out, maxStreamId, ErrorCode.noError, '');
  }

  goaway(code: number, text: string): void {
    this.lastServedId = this.streams.lastPeerId;
    writeGoaway(this.out, this.lastServedId, code, text);
  }

  // What comes.

  private onFrame(): void {
    const { reader } = this;
    switch (reader.type) {
      case FrameType.headers:
        this.onBlock();
        break;
      case FrameType.continuation:
        if (this.count(Abuse.continuations)) this.onBlock();
        break;
      case FrameType.priority:
        this.count(Abuse.priorities);
        break;
      case FrameType.resetStream:
        this.onResetStream(reader.streamId, reader.bytes.readUInt32BE(reader.start));
        break;
      case FrameType.settings:
        if ((reader.flags & Flag.ack) !== 0) this.onSettingsAck();
        else if (this.count(Abuse.settings)) this.onSettings();
        break;
      case FrameType.ping:
        if ((reader.flags & Flag.ack) !== 0) this.onPingAck();
        else if (this.count(Abuse.pings)) writePing(this.out, true, reader.bytes, reader.start);
        break;
      case FrameType.goaway:
        if (!this.count(Abuse.goaways)) break;
        this.hasPeerGoaway = true;
        this.handler.onGoaway(
          reader.bytes.readUInt32BE(reader.start) & maxStreamId,
          reader.bytes.readUInt32BE(reader.start + 4),
        );
        break;
      default:
        if (this.count(Abuse.windowUpdates))
          this.onWindowUpdate(reader.streamId, reader.bytes.readUInt32BE(reader.start) & maxStreamId);
    }
  }

  private onData(): void {
    const { reader, streams } = this;
    const { streamId, length, overheadBytes, isDataStart } = reader;
    const size = reader.end - reader.start;
    if (isDataStart) {
      this.dataStreamId = 0;
      this.isRestGivenBack = false;
      if (!this.receiveWindow.receive(length)) {
        this.fail(h2Errors.connectionWindowExceeded);
        return;
      }
      this.giveBack(overheadBytes);
    }
    const stream = streams.get(streamId);
    if (stream === undefined || !stream.mayReceive) {
      // Dropped, but it has taken of the connection's window.
      if (!this.isRestGivenBack) this.giveBack(size);
      if (stream !== undefined) this.failStream(stream, h2Errors.halfClosedStream);
      else if (isDataStart) this.onAbsent(streamId);
      return;
    }
    if (isDataStart) {
      const error = !stream.hasHeaders
        ? h2Errors.dataBeforeHeaders
        : stream.receiveWindow.receive(length)
          ? null
          : h2Errors.streamWindowExceeded;
      if (error !== null) {
        this.giveBack(size);
        this.failStream(stream, error);
        return;
      }
      this.dataStreamId = streamId;
      const increment = stream.receiveWindow.consume(overheadBytes);
      if (increment > 0) writeWindowUpdate(this.out, streamId, increment);
      if (length === overheadBytes && (reader.flags & Flag.endStream) === 0 && !this.count(Abuse.emptyFrames)) return;
    }
    if (size > 0) this.handler.onData(stream, reader.bytes, reader.start, reader.end);
    // The handler may have reset it.
    if (reader.endsStream && stream.mayReceive && !this.hasFailed) this.end(stream);
  }

  private onBlock(): void {
    const { block } = this;
    const error = block.add(this.reader);
    if (error !== null) {
      this.fail(error);
      return;
    }
    if (!block.isComplete) return;
    const stream = this.streams.get(block.streamId);
    // Also of a stream that is closed or refused: the table depends on each block (section 4.3).
    const reason = this.isServer && stream === undefined ? this.decodeRequest() : this.decodeOther();
    block.clear();
    if (reason !== null) {
      this.fail({ code: ErrorCode.compressionError, scope: 'connection', text: `A header block is wrong: ${reason}.` });
      return;
    }
    if (stream === undefined) this.onNewStream(block.streamId, block.endStream);
    else if (!stream.mayReceive) this.failStream(stream, h2Errors.halfClosedStream);
    else if (stream.hasHeaders && !block.endStream) this.failStream(stream, h2Errors.trailersWithoutEnd);
    else this.onMessageFields(stream, block.endStream);
  }

  private decodeRequest(): HpackError | null {
    const { block, decoder, fields, repeated } = this;
    const before = decoder.tableChanges;
    const repeat = repeated.compare(block, before);
    if (repeat === Repeat.kept) {
      fields.clear();
      fields.repeat = repeat;
      return null;
    }
    const reason = decoder.decode(block.bytes, block.start, block.end, fields);
    this.turnFieldBytes += fields.size;
    if (repeat === Repeat.none) repeated.remember(block, before, decoder.tableChanges);
    fields.repeat = repeat;
    return reason;
  }

  private decodeOther(): HpackError | null {
    const { block } = this;
    this.repeated.forget();
    return this.decoder.decode(block.bytes, block.start, block.end, this.fields);
  }

  private onNewStream(id: number, endStream: boolean): void {
    const { streams } = this;
    if (streams.absent(id) !== 'idle') {
      this.onAbsent(id);
      return;
    }
    const error = streams.usePeerId(id);
    if (error !== null) {
      this.fail(error);
      return;
    }
    if (id > this.lastServedId) {
      // It was on its way when GOAWAY went out: the other side tries it again elsewhere (section 6.8).
      streams.rememberReset(id);
      this.count(Abuse.closedStreamFrames);
      return;
    }
    if (streams.peerCount >= this.settings.maxConcurrentStreams) {
      writeResetStream(this.out, id, h2Errors.tooManyStreams.code);
      streams.rememberReset(id);
      this.count(Abuse.refusedStreams);
      return;
    }
    this.onMessageFields(streams.addPeerStream(id, this.peer.initialWindowSize, this.streamWindowBytes), endStream);
  }

  private onMessageFields(stream: Stream, endStream: boolean): void {
    this.handler.onHeaders(stream, this.fields, endStream);
    // A request has no interim fields.
    if (this.isServer) stream.hasHeaders = true;
    if (endStream && stream.mayReceive && !this.hasFailed) this.end(stream);
  }

  private onResetStream(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.streams.absent(id) === 'idle') this.fail(h2Errors.idleStream);
      else this.count(Abuse.closedStreamFrames);
    } else if (this.count(Abuse.resets)) {
      this.close(stream);
      this.handler.onReset(stream, code, false);
    }
  }

  private onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (!this.sendWindow.add(increment)) this.fail(h2Errors.connectionWindowTooLarge);
      else this.handler.onWindow(null);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.streams.absent(id) === 'idle') this.fail(h2Errors.idleStream);
      else this.count(Abuse.closedStreamFrames);
    } else if (!stream.sendWindow.add(increment)) this.failStream(stream, h2Errors.streamWindowTooLarge);
    else this.handler.onWindow(stream);
  }

  private onSettings(): void {
    const { reader, peer } = this;
    const before = peer.initialWindowSize;
    const error = peer.apply(reader.bytes, reader.start, reader.end, !this.isServer);
    if (error !== null) {
      this.fail(error);
      return;
    }
    const change = peer.initialWindowSize - before;
    if (change !== 0)
      for (const stream of this.streams.open.values())
        if (!stream.sendWindow.add(change)) {
          this.fail(h2Errors.initialWindowTooLarge);
          return;
        }
    writeSettingsAck(this.out);
    this.handler.onSettings();
    if (change > 0 && !this.hasFailed) this.handler.onWindow(null);
  }

  private onSettingsAck(): void {
    if (this.unacknowledged === 0) {
      this.fail(h2Errors.unexpectedAck);
      return;
    }
    this.unacknowledged--;
    this.decoder.acknowledge();
    const change = this.settings.streamWindowBytes - this.streamWindowBytes;
    this.streamWindowBytes += change;
    if (change !== 0) for (const stream of this.streams.open.values()) stream.adjustReceiveWindow(change);
  }

  private onPingAck(): void {
    if (this.pings === 0) this.count(Abuse.pings);
    else {
      this.pings--;
      this.handler.onPong();
    }
  }

  /** DATA or HEADERS of a stream that is not open. */
  private onAbsent(id: number): void {
    const absent = this.streams.absent(id);
    if (absent === 'idle') this.fail(h2Errors.idleStream);
    else if (absent === 'closed') this.fail(h2Errors.closedStream);
    else this.count(Abuse.closedStreamFrames);
  }

  private end(stream: Stream): void {
    this.streams.change(stream, 'end-received');
    this.handler.onEnd(stream);
  }

  // Errors.

  /** False: there were too many, and the connection has failed. */
  private count(kind: number): boolean {
    const error = this.abuse.count(kind, this.nowMs);
    if (error === null) return true;
    this.fail(error);
    return false;
  }

  private failStream(stream: Stream, error: H2Error): void {
    this.reset(stream, error.code);
    this.handler.onReset(stream, error.code, true);
    this.count(Abuse.forcedResets);
  }

  /** The stream is gone at once. What it has received, and nobody has taken, is given back to the connection. */
  private close(stream: Stream): void {
    stream.isReset = true;
    this.streams.change(stream, 'reset');
    if (stream.id === this.dataStreamId) this.isRestGivenBack = true;
    this.giveBack(stream.heldBytes);
  }

  private giveBack(bytes: number): void {
    if (this.hasFailed) return;
    const increment = this.receiveWindow.consume(bytes);
    if (increment > 0) writeWindowUpdate(this.out, 0, increment);
  }

  private fail(error: H2Error): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.goaway(error.code, error.text);
    this.handler.onConnectionError(error);
  }
}

const noOpaque = Buffer.alloc(pingBytes);
