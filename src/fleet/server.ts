/** One backend address with a stable name, and what this worker knows of it now. */
import type { Address } from '../net/socket.ts';

/**
 * up: takes new sessions. draining: only the sessions it has. down: nothing.
 * Only `Fleet` changes it, so that a snapshot and its servers agree.
 */
export type ServerState = 'up' | 'draining' | 'down';

export interface ServerOptions {
  readonly name: string;
  readonly address: Address;
  /** Share of new sessions against its peers; 0 takes none. */
  readonly weight: number;
  /** Most exchanges at one time; 0 is no cap. Beyond it requests wait in a queue. */
  readonly maxRequests: number;
}

export class Server {
  readonly name: string;
  readonly address: Address;
  readonly weight: number;
  readonly maxRequests: number;
  /** Position in its pool's list: stable for the life of the process. */
  readonly number: number;
  /** 48-bit keyed hash of the name: the same on every node and after every restart, and it tells no address. */
  readonly id: number;

  state: ServerState = 'up';
  /** Exchanges in flight, waiting ones not counted. */
  inflight = 0;
  /** Consecutive failures seen by traffic; kept by health/passive.ts. */
  failures = 0;

  constructor(options: ServerOptions, number: number, id: number) {
    this.name = options.name;
    this.address = options.address;
    this.weight = options.weight;
    this.maxRequests = options.maxRequests;
    this.number = number;
    this.id = id;
  }

  /** May take one more exchange now. */
  get hasRoom(): boolean {
    return this.maxRequests === 0 || this.inflight < this.maxRequests;
  }
}
