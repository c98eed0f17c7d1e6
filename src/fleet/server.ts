/** One backend address with a stable name, and what this worker knows of it now. */
import { type Address, formatAddress } from '../net/socket.ts';
import { Connects } from './connects.ts';
import { type HealthReport, newHealthReport, type ServerState } from './health-report.ts';
import { Load } from './load.ts';

export interface ServerOptions {
  readonly name: string;
  readonly address: Address;
  /** Share of new sessions against its peers; 0 takes none. */
  readonly weight: number;
  /** Most exchanges at one time; 0 is no cap. Beyond it requests wait in a queue. */
  readonly maxRequests: number;
}

/**
 * Ids of a server: 48-bit keyed hashes of its name, which reveal no address. Each is the same on every node that has its key, and after
 * every restart.
 */
export interface ServerIds {
  /** By which policies that place by hash tell servers apart. */
  readonly id: number;
  /** By which new tokens name it: under the key that signs them, so that whoever verifies a token knows its owner. */
  readonly tokenId: number;
  /** By which the store names it: under a key that does not rotate, because what is stored lasts longer than a token. */
  readonly storeId: number;
  /** By which tokens and stores may name it, too: its ids under other token keys. */
  readonly formerIds: readonly number[];
}

export class Server implements ServerIds {
  readonly name: string;
  readonly address: Address;

  /**
   * Its number in the session table, and its slot of the load that all workers share: one for each name in a pool, the same on
   * all threads and in every config of this process.
   */
  readonly slot: number;

  readonly id: number;
  readonly tokenId: number;
  readonly storeId: number;
  readonly formerIds: readonly number[];

  /**
   * Name and address: the same in every config and on every thread that has this server. One that has another address under
   * the same name is another server.
   */
  readonly identity: string;

  /** Only `Fleet` changes the following five, so that a snapshot and its servers agree. */
  weight: number;
  maxRequests: number;
  state: ServerState = 'up';
  readonly report: HealthReport = newHealthReport();
  /** It has left its pool: exchanges that run there finish, and no other begins. */
  removed = false;

  /** When this worker has reported last that the server asks for a drain, or does not any more (wheel ms); -1: never. */
  askedAt = -1;
  /** Times that its name has lost addresses: connections from before are not used again. */
  moves = 0;
  /** Connections to it that this worker is making, and those that it keeps for the next request. */
  connects = new Connects(Number.POSITIVE_INFINITY, null);
  idle = 0;
  private readonly load: Load;

  constructor(
    options: ServerOptions,
    id: number,
    slot: number,
    load: Load = Load.single(slot + 1),
    { tokenId = id, storeId = id, formerIds = [] }: Partial<ServerIds> = {},
  ) {
    this.name = options.name;
    this.address = options.address;
    this.weight = options.weight;
    this.maxRequests = options.maxRequests;
    this.identity = identityOf(options);
    this.id = id;
    this.tokenId = tokenId;
    this.storeId = storeId;
    this.formerIds = formerIds;
    this.slot = slot;
    this.load = load;
  }

  /** A token or a store names it by this id. */
  hasId(id: number): boolean {
    return this.allIds.includes(id);
  }

  get allIds(): readonly number[] {
    return [this.id, this.tokenId, this.storeId, ...this.formerIds];
  }

  /** Exchanges in flight, waiting ones not counted. */
  get inflight(): number {
    return this.load.running(this.slot);
  }

  /** Consecutive failures seen by traffic; kept by health/passive.ts. */
  get failures(): number {
    return this.load.failures(this.slot);
  }

  set failures(failures: number) {
    this.load.setFailures(this.slot, failures);
  }

  /** It has broken the framing of HTTP: known to all workers, as long as it is in the config. */
  get misframed(): boolean {
    return this.load.misframed(this.slot);
  }

  /** False: that was known. */
  setMisframed(misframed: boolean): boolean {
    return this.load.setMisframed(this.slot, misframed);
  }

  /** The most exchanges at one time: what its agent wants, or as configured. 0: no cap. */
  private get most(): number {
    return this.report.cap || this.maxRequests;
  }

  /** May take one more exchange now, and there is a way to it. */
  get hasRoom(): boolean {
    const { most } = this;
    return (most === 0 || this.inflight < most) && (this.idle > 0 || this.connects.hasRoom);
  }

  /** Takes a place; false when all are taken: `hasRoom` was true a moment ago, and another worker was faster. */
  enter(): boolean {
    const { most } = this;
    if (most > 0) return this.load.tryRun(this.slot, most);
    this.load.run(this.slot, 1);
    return true;
  }

  leave(): void {
    this.load.run(this.slot, -1);
  }

  /** A response of it that goes on begins (1) or ends (-1). */
  countStream(by: 1 | -1): void {
    this.load.stream(this.slot, by);
  }

  /** A tunnel to it begins (1) or ends (-1). */
  countTunnel(by: 1 | -1): void {
    this.load.tunnel(this.slot, by);
  }
}

/** What `Server.identity` is. */
export function identityOf({ name, address }: Pick<ServerOptions, 'name' | 'address'>): string {
  // A name has no space.
  return `${name} ${formatAddress(address)}`;
}
