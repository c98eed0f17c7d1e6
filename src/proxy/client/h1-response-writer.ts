/**
 * Frames the answers of one HTTP/1.1 connection: as the request's version and method ask for, the body's end told by
 * length, chunks, or the end of the connection. What is said within one loop turn leaves in one write.
 */
import { STATUS_CODES } from 'node:http';
import { type Fault, retryAfterOf } from '../../errors.ts';
import { Method, type ResponseHead } from '../../http/head.ts';
import { cutContentLength } from '../../http/hop-headers.ts';
import { Name } from '../../http/names.ts';
import type { Splice } from '../../http/splice.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { WorkerContext } from '../worker-context.ts';
import { errorBody } from './error-page.ts';
import type { WriteBatch } from './write-batch.ts';

/** A body up to this size leaves in one write with its head. */
const joinBytes = 32 * 1024;
/** From this size on a head that has become no longer is put back before its body, instead of the body behind it. */
const longBody = 2 * 1024;

export class ResponseWriter {
  /** The connection goes on after this answer. Told to the client by `sendHead` and `sendFault`; may still turn false after. */
  keepAlive = true;
  /** Sent of this answer, interim ones included. */
  bytes = 0;
  private readonly worker: WorkerContext;
  private readonly batch: WriteBatch;
  private readonly socket: Socket;
  private method: number = Method.get;
  private minor = 1;
  private chunked = false;
  /** The body ends with the connection: only that tells whether it is whole. */
  private untilClose = false;
  /** Where the server's own head stands, while ours waits for the body: ours may take its place. */
  private headBytes: Buffer | null = null;
  private headStart = 0;
  private headEnd = 0;

  constructor(worker: WorkerContext, batch: WriteBatch, socket: Socket) {
    this.worker = worker;
    this.batch = batch;
    this.socket = socket;
  }

  /** To a request of this method and minor version, from a client that wants the connection to go on or not. */
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

  /** Data of the body, by reference. False: bytes are kept, wait for the socket's drain. */
  sendData(bytes: Buffer, start: number, end: number): boolean {
    const out = this.batch.of(this.socket);
    const size = end - start;
    this.bytes += size;
    if (!this.chunked && size >= longBody && this.putBack(bytes, start, out)) {
      const from = start - out.length;
      out.clear();
      return this.socket.write(bytes.subarray(from, end));
    }
    if (this.chunked) {
      const line = `${size.toString(16)}\r\n`;
      out.text(line);
      this.bytes += line.length + 2;
    }
    if (size <= joinBytes) {
      out.copy(bytes, start, end);
      if (this.chunked) out.text('\r\n');
      // Small pieces wait for the flush at the end of this read; slowness shows then or with the next one.
      return out.length < joinBytes ? this.socket.pending === 0 : this.flush();
    }
    this.flush();
    const room = this.socket.write(bytes.subarray(start, end));
    if (this.chunked) out.text('\r\n');
    return room;
  }

  /** What waits to be written now stands directly before the body, over the server's head; or there was no room for it. */
  private putBack(bytes: Buffer, start: number, out: HeadWriter): boolean {
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

  /** An answer of our own, in the form that `accept` prefers. */
  sendFault(fault: Fault, accept: string | null): void {
    const { type, body } = errorBody(fault, accept);
    const out = this.batch.of(this.socket);
    const before = out.length;
    out.text(`HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? ''}\r\nContent-Type: ${type}\r\n`);
    out.text(`Content-Length: ${body.length}\r\nDate: ${this.worker.date()}\r\n`);
    out.text(`Cache-Control: no-store\r\nLimpet-Reason: ${fault.code}\r\n`);
    const retryAfter = retryAfterOf(fault);
    if (retryAfter > 0) out.text(`Retry-After: ${retryAfter}\r\n`);
    this.writeConnection(out);
    out.text('\r\n');
    if (this.method !== Method.head) out.copy(body, 0, body.length);
    this.bytes += out.length - before;
    this.flush();
  }

  /** No more of the answer will come: what has gathered is sent. False: the end of the connection would pass for the answer's. */
  truncate(): boolean {
    this.keepAlive = false;
    this.flush();
    return !this.untilClose;
  }

  /** Forgets what has not been written, or taken by the kernel, and the connection with it. */
  reset(): void {
    this.keepAlive = false;
    this.bytes -= this.batch.drop(this.socket) + this.socket.pending;
  }

  /** Writes what has gathered. False: bytes are kept. */
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
