/**
 * The request as it came: who sent it, its head (kept as bytes, parsed when it is needed), its body, and by what it is traced. Reused;
 * `begin` sets it anew.
 */
import type { ClientFacts } from '../affinity/affinity.ts';
import { clientAddress, isForwardedSecure, seemsProxied } from '../http/forwarded.ts';
import { isIdempotent, Method, type RequestHead } from '../http/head.ts';
import type { ClientCertificate } from '../net/tls.ts';
import type { Client } from './client/client.ts';
import type { ListenerContext } from './client/listener-context.ts';
import type { Pool } from './pool.ts';
import { RequestBody } from './request-body.ts';
import type { RequestScratch } from './request-scratch.ts';
import { RequestTrace } from './request-trace.ts';
import type { WorkerContext } from './worker-context.ts';

export class ClientRequest implements ClientFacts {
  method: number = Method.get;
  /** The client asks for an upgrade that this listener passes on. */
  mayUpgrade = false;
  clientAddress = '';
  clientSecure = false;
  /** Number of the client's connection; 0: a proxy seems to be there, with several clients behind it. */
  clientNumber = 0;
  /** Set by `begin`. */
  client!: Client;
  /** Set by `routeTo`; not to be read before. */
  pool!: Pool;
  readonly body: RequestBody;
  readonly trace = new RequestTrace();
  private readonly worker: WorkerContext;
  private readonly scratch: RequestScratch;
  /** The head's bytes, from `start` on: parsed again for a retry, or when another head was parsed meanwhile. */
  private bytes: Buffer = noBytes;
  private start = 0;

  constructor({ worker, scratch }: ListenerContext) {
    this.worker = worker;
    this.body = new RequestBody(worker.buffers);
    this.scratch = scratch;
  }

  begin(client: Client, head: RequestHead, bytes: Buffer, start: number, mayUpgrade: boolean): void {
    this.client = client;
    this.bytes = bytes;
    this.start = start;
    this.method = head.method;
    this.mayUpgrade = mayUpgrade;
    const { peer } = client;
    this.clientAddress = peer.isTrusted ? clientAddress(head, peer.address, peer.isTrustedAddress) : peer.address;
    this.clientSecure = peer.isTrusted ? isForwardedSecure(head, peer.isSecure) : peer.isSecure;
    this.clientNumber = peer.isTrusted || seemsProxied(head) ? 0 : peer.number;
    this.body.begin(client, head.length !== 0);
    const { tracing } = this.worker;
    if (tracing !== null) this.trace.begin(tracing, head, this, this.worker);
  }

  /** The config says which pool serves it; again when the config has changed. */
  routeTo(pool: Pool): void {
    this.pool = pool;
    this.body.limit = pool.settings.retry.bufferBody;
  }

  get clientCertificate(): ClientCertificate | null {
    return this.client.peer.certificate;
  }

  get peerTrusted(): boolean {
    return this.client.peer.isTrusted;
  }

  /** It may be sent twice without changing what the server does (RFC 9110 section 9.2.2). */
  get isIdempotent(): boolean {
    return isIdempotent(this.method);
  }

  /** Its head, parsed. Valid until another request's head is parsed. */
  head(): RequestHead {
    return this.scratch.reread(this, this.bytes, this.start);
  }

  /** The exchange is over: nothing of the request is kept. */
  end(): void {
    this.scratch.release(this);
    this.body.clear();
    if (this.trace.isOn) this.trace.end();
    this.bytes = noBytes;
  }
}

const noBytes = Buffer.alloc(0);
