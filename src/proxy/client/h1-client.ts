/**
 * The client of the exchanges on one HTTP/1.1 connection: sends responses, and knows what each of them means for the connection.
 *
 *      begin ── sendHead, sendData, finish ──────────────> the connection goes on, unless one side wants it to end
 *        ├───── refuse, or sendHead before the request is complete ──> it ends: where the next request begins is not known
 *        └───── truncate, reset ──────────────────────────> it ends so that the response cannot pass for complete
 */
import { balancerFaults, type Fault, requestFaults } from '../../errors.ts';
import { Method, type RequestHead, type ResponseHead } from '../../http/head.ts';
import type { Splice } from '../../http/splice.ts';
import { counter } from '../../metrics/counters.ts';
import type { Socket } from '../../net/socket.ts';
import { logRefusal } from '../refusal.ts';
import type { Client, ClientSocket, RequestReference } from './client.ts';
import type { RequestReader } from './h1-request-reader.ts';
import { ResponseWriter } from './h1-response-writer.ts';
import type { ListenerContext } from './listener-context.ts';
import type { ListenerSettings } from './listener-settings.ts';
import { Peer } from './peer.ts';

/** What it needs of the connection. */
export interface ClientOwner {
  addBuffered(bytes: number): void;
  takeSocket(): ClientSocket;
  onExchangeEnd(): void;
}

export class H1Client implements Client {
  readonly peer: Peer;
  /**
   * What has to become of the connection when it cannot go on after this response. `linger`: the client's bytes are read and dropped for
   * a while. `linger-briefly`: only until it is silent, because it was slow with its request. `reset`: only a reset can show the client
   * that the response is not complete.
   */
  ending: 'linger' | 'linger-briefly' | 'reset' = 'linger';
  readonly version = null;
  private readonly owner: ClientOwner;
  private readonly context: ListenerContext;
  private readonly settings: ListenerSettings;
  private readonly socket: Socket;
  private readonly reader: RequestReader;
  private readonly response: ResponseWriter;

  constructor(
    owner: ClientOwner,
    context: ListenerContext,
    settings: ListenerSettings,
    socket: Socket,
    reader: RequestReader,
  ) {
    this.owner = owner;
    this.context = context;
    this.settings = settings;
    this.socket = socket;
    this.reader = reader;
    this.response = new ResponseWriter(context.worker, context.buffers.toClient, socket);
    this.peer = new Peer(socket, settings, '1.1');
  }

  /** A request has come. */
  begin(head: RequestHead): void {
    this.ending = 'linger';
    this.response.begin(head.method, head.minor, head.keepAlive && !this.context.stopping);
  }

  /** The connection ends after this response. */
  closeAfter(): void {
    this.response.keepAlive = false;
  }

  /** The response is sent, and the connection can take another request. */
  get isReusable(): boolean {
    return this.response.keepAlive && this.reader.state === 'complete' && !this.context.stopping;
  }

  /** No exchange can be made of what has come: responds, and logs it. `isComplete`: the head was read to its end. */
  refuseHead(fault: Fault, head: RequestHead | null, isComplete: boolean): void {
    const { worker } = this.context;
    worker.counters.refused(fault);
    worker.counters.responded(fault.status);
    this.response.begin(Method.get, 1, false);
    this.response.sendFault(fault, null, this.peer.hsts);
    logRefusal(worker, this, fault, fault.status, head, isComplete);
  }

  /** There is no room for what has come of a request, and no response to it. */
  dropRequest(): void {
    const { reader, context } = this;
    context.worker.counters.refused(balancerFaults.buffersFull);
    if (!reader.hasBuffered) return;
    this.response.begin(Method.get, 1, false);
    const head = reader.parseBuffered();
    logRefusal(context.worker, this, balancerFaults.buffersFull, 0, head, false);
  }

  get bytesIn(): number {
    return this.reader.bytesIn;
  }

  get bytesOut(): number {
    return this.response.bytes;
  }

  get firstByteAt(): number {
    return this.reader.firstByteAt;
  }

  get bodyTimeoutMs(): number {
    return this.settings.timeouts.requestBody;
  }

  get writeTimeoutMs(): number {
    return this.settings.timeouts.write;
  }

  get undeliveredBytes(): number {
    return this.socket.pending + Math.max(0, this.context.worker.sendQueues.heldFor(this.socket.descriptor));
  }

  /** Responses come one after the other. */
  isBehindOthers(): boolean {
    return false;
  }

  /** The client has asked for the upgrade itself, and judges the response to it. */
  accepts(): boolean {
    return true;
  }

  sendInterim(head: ResponseHead, edit: Splice): boolean {
    return this.response.sendInterim(head, edit);
  }

  sendHead(head: ResponseHead, edit: Splice, length: number): void {
    if (this.context.stopping) this.response.keepAlive = false;
    if (this.reader.state !== 'complete') this.onEarly();
    this.response.sendHead(head, edit, length);
  }

  sendData(bytes: Buffer, start: number, end: number): boolean {
    return this.response.sendData(bytes, start, end);
  }

  finish(trailers: Buffer | null): void {
    this.response.finish(trailers);
  }

  flush(): void {
    this.response.flush();
  }

  refuse(fault: Fault, accept: string | null, { responseLine, shownId }: RequestReference): void {
    // What is still to come of the body would be read as the next request.
    if (this.reader.state !== 'complete') this.onEarly();
    if (fault.side === 'client') this.response.keepAlive = false;
    if (fault === requestFaults.requestTimeout) this.ending = 'linger-briefly';
    this.response.sendFault(fault, accept, this.peer.hsts + responseLine, shownId);
  }

  /**
   * The response begins before the request is complete, and nobody knows whether it ever will be. The client is told that no
   * other may follow.
   */
  private onEarly(): void {
    this.context.worker.counters.add(counter.responses_early);
    this.response.keepAlive = false;
  }

  truncate(): void {
    this.reader.drop();
    if (!this.response.truncate()) this.ending = 'reset';
  }

  reset(): void {
    this.reader.drop();
    this.response.reset();
    this.socket.destroy();
  }

  pauseBody(): void {
    this.reader.pause();
  }

  resumeBody(): void {
    this.reader.resume();
  }

  addBuffered(bytes: number): void {
    this.owner.addBuffered(bytes);
  }

  takeSocket(): ClientSocket {
    return this.owner.takeSocket();
  }

  onExchangeEnd(): void {
    this.owner.onExchangeEnd();
  }
}
