/**
 * Frames the responses of one HTTP/1.1 connection, as the version and method of the request ask for: the end of a body is told by its
 * length, by chunks, or by the end of the connection. What is sent within one read of the server's socket leaves in one write.
 */
import type { Fault } from '../../errors.ts';
import { Method, type ResponseHead } from '../../http/head.ts';
import { cutContentLength } from '../../http/hop-headers.ts';
import { Name } from '../../http/names.ts';
import type { Splice } from '../../http/splice.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import { http } from '../../node-http.ts';
import type { WorkerContext } from '../worker-context.ts';
import { errorBody, errorLines } from './error-page.ts';
import type { WriteBatch } from './write-batch.ts';

/** A piece of a body up to this size leaves in one write with what comes before it. */
const maxJoinedBytes = 32 * 1024;
/** From this size on, a head that is not longer than the server's is copied to its place before the body, instead of the body behind it. */
const minHeadCopyBytes = 2 * 1024;

export class ResponseWriter {
  /** The connection goes on after this response. `sendHead` and `sendFault` tell the client; it may still become false after that. */
  keepAlive = true;
  /** Sent of this response, interim ones included. */
  bytes = 0;
  private readonly worker: WorkerContext;
  private readonly batch: WriteBatch;
  private readonly socket: Socket;
  private method: number = Method.get;
  private minor = 1;
  private chunked = false;
  /** Only the end of the connection tells that the body is complete. */
  private untilClose = false;
  /** The bytes of the server's head, while ours has not been written yet: ours may take its place. */
  private headBytes: Buffer | null = null;
  private headStart = 0;
  private headEnd = 0;

  constructor(worker: WorkerContext, batch: WriteBatch, socket: Socket) {
    this.worker = worker;
    this.batch = batch;
    this.socket = socket;
  }

  /** A response to a request with this method and minor version. `keepAlive`: the client wants the connection to go on. */
  begin(method: number, minor: number, keepAlive: boolean): void {
    this.method = method;
    this.minor = minor;
    this.keepAlive = keepAlive;
    this.chunked = this.untilClose = false;
    this.bytes = 0;
  }

  /** An interim response; false: none is sent to HTTP/1.0 (RFC 9110 section 15.2). */
  sendInterim(head: ResponseHead, edit: Splice): boolean {
    if (this.minor === 0) return false;
    const out = this.batch.of(this.socket);
    const before = out.length;
    cutContentLength(head.headers, edit);
    this.writeHead(head, edit, out);
    out.text('\r\n');
    this.bytes += out.length - before;
    this.flush();
    return true;
  }

  /** The head of the final response. `length`: bytes of the body, or negative when they are not known before its end. */
  sendHead(head: ResponseHead, edit: Splice, length: number): void {
    const out = this.batch.of(this.socket);
    const before = out.length;
    const hasBody = this.method !== Method.head && head.status !== 204 && head.status !== 304;
    if (head.status === 204) cutContentLength(head.headers, edit);
    this.writeHead(head, edit, out);
    // RFC 9110 section 6.6.1: whoever passes on a response without a date gives it one.
    if (!head.headers.has(Name.date)) out.text(`Date: ${this.worker.date()}\r\n`);
    if (length < 0 && hasBody) {
      this.chunked = this.minor === 1;
      if (this.chunked) out.text('Transfer-Encoding: chunked\r\n');
      // To HTTP/1.0 only the end of the connection can tell.
      else {
        this.keepAlive = false;
        this.untilClose = true;
      }
    }
    this.writeConnection(out);
    out.text('\r\n');
    this.bytes += out.length - before;
    this.headBytes = head.bytes;
    this.headStart = head.statusStart;
    this.headEnd = head.end;
  }

  /** Data of the body, by reference. False: the socket buffers bytes, wait for its drain. */
  sendData(bytes: Buffer, start: number, end: number): boolean {
    const out = this.batch.of(this.socket);
    const size = end - start;
    this.bytes += size;
    if (!this.chunked && size >= minHeadCopyBytes && this.copyBefore(bytes, start, out)) {
      const from = start - out.length;
      out.clear();
      return this.socket.write(bytes.subarray(from, end));
    }
    if (this.chunked) {
      const line = `${size.toString(16)}\r\n`;
      out.text(line);
      this.bytes += line.length + 2;
    }
    if (size <= maxJoinedBytes) {
      out.copy(bytes, start, end);
      if (this.chunked) out.text('\r\n');
      // Small pieces wait for the flush at the end of this read; slowness shows then or with the next one.
      return out.length < maxJoinedBytes ? this.socket.pending === 0 : this.flush();
    }
    this.flush();
    const room = this.socket.write(bytes.subarray(start, end));
    if (this.chunked) out.text('\r\n');
    return room;
  }

  /** Copies what waits to be written directly before the body, over the server's head. False: there is no room for it. */
  private copyBefore(bytes: Buffer, start: number, out: HeadWriter): boolean {
    if (out.length === 0) return true;
    if (bytes !== this.headBytes || start !== this.headEnd || out.length > start - this.headStart) return false;
    out.bytes.copy(bytes, start - out.length, 0, out.length);
    return true;
  }

  finish(trailers: Buffer | null): void {
    const out = this.batch.of(this.socket);
    if (this.chunked) {
      const before = out.length;
      out.text('0\r\n');
      if (trailers !== null) out.copy(trailers, 0, trailers.length);
      out.text('\r\n');
      this.bytes += out.length - before;
    }
    this.flush();
  }

  /** An error response of our own, in the form that `accept` prefers. `lines`: more header lines. `requestId`: shown in it; '': none. */
  sendFault(fault: Fault, accept: string | null, lines = '', requestId = ''): void {
    const error = errorBody(fault, accept, requestId);
    const { body } = error;
    const out = this.batch.of(this.socket);
    const before = out.length;
    out.text(`HTTP/1.1 ${fault.status} ${http.STATUS_CODES[fault.status] ?? ''}\r\n`);
    out.text(errorLines(fault, error, this.worker.date()));
    out.text(lines);
    this.writeConnection(out);
    out.text('\r\n');
    if (this.method !== Method.head) out.copy(body, 0, body.length);
    this.bytes += out.length - before;
    this.flush();
  }

  /** No more of the response will come: writes what has gathered. False: the end of the connection would pass for that of the response. */
  truncate(): boolean {
    this.keepAlive = false;
    this.flush();
    return !this.untilClose;
  }

  /** Drops what has not been written, or not been taken by the kernel. The connection cannot be used after it. */
  reset(): void {
    this.keepAlive = false;
    this.bytes -= this.batch.drop(this.socket) + this.socket.pending;
  }

  /** Writes what has gathered. False: the socket buffers bytes. */
  flush(): boolean {
    this.headBytes = null;
    return this.batch.flush(this.socket);
  }

  private writeHead(head: ResponseHead, edit: Splice, out: HeadWriter): void {
    out.text('HTTP/1.1 ');
    out.copy(head.bytes, head.statusStart, head.statusEnd);
    out.text(head.statusEnd - head.statusStart === 3 ? ' \r\n' : '\r\n');
    edit.write(head.bytes, head.headers.start, head.headers.end, out);
    edit.writeAdded(out);
  }

  /** Says what becomes of the connection where the version's default is another (RFC 9112 section 9.3). */
  private writeConnection(out: HeadWriter): void {
    if (!this.keepAlive) out.text('Connection: close\r\n');
    else if (this.minor === 0) out.text('Connection: keep-alive\r\n');
  }
}
