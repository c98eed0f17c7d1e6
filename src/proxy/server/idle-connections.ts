/**
 * The connections to one server that have no request.
 *
 *      response complete ──> ready: the one that was used last is used first
 *              └───────────> in quarantine, after a response whose end only the rules of HTTP tell ── 100 ms without a byte ──> ready
 *
 * A server that sends a body where none may be (HEAD, 204, 304) sends bytes that would pass for the response to the next request.
 * They come with the head or soon after it, so such a connection is quarantined first. Meanwhile only the client that it has served
 * last may use it: that client would get a response that its own request has caused (I7).
 */
/** Longer than the 40 ms for which Linux may hold a small segment back while it waits for an acknowledgement. */
export const quarantineMs = 100;
/** As many may be in quarantine, where fewer idle connections are kept. */
const minQuarantined = 64;

/** What is looked at of a connection. */
export interface IdleConnection {
  /** Only the client that it has served last may use it now. */
  readonly quarantined: boolean;
  /** Number of that client; 0: it may be several. */
  readonly clientNumber: number;
}

export class IdleConnections<Connection extends IdleConnection> {
  private readonly available: Connection[] = [];
  /** In the order in which their quarantine began, and by the client that they have served last. */
  private readonly quarantined = new Set<Connection>();
  private readonly quarantinedOf = new Map<number, Connection>();
  private readonly max: number;
  private readonly maxQuarantined: number;

  /** `max`: connections that are kept ready; 0: none is kept at all. */
  constructor(max: number) {
    this.max = max;
    this.maxQuarantined = max === 0 ? 0 : Math.max(max, minQuarantined);
  }

  /** Connections that any client may use. */
  get ready(): number {
    return this.available.length;
  }

  /**
   * For the client with this number; 0: it may be several. Others do not get what is in quarantine, unless that is full: then the
   * oldest of it is used, because to open ever more connections would be worse.
   */
  take(clientNumber: number): Connection | undefined {
    const { quarantined } = this;
    const connection = this.available.pop();
    if (connection !== undefined || quarantined.size === 0) return connection;
    const isFull = quarantined.size >= this.maxQuarantined;
    const taken = this.quarantinedOf.get(clientNumber) ?? (isFull ? quarantined.values().next().value : undefined);
    if (taken !== undefined) this.remove(taken);
    return taken;
  }

  /** False: there are enough. */
  add(connection: Connection): boolean {
    const { available, quarantined } = this;
    if (!connection.quarantined) {
      if (available.length >= this.max) return false;
      available.push(connection);
      return true;
    }
    if (quarantined.size >= this.maxQuarantined) return false;
    quarantined.add(connection);
    if (connection.clientNumber !== 0) this.quarantinedOf.set(connection.clientNumber, connection);
    return true;
  }

  remove(connection: Connection): void {
    const { clientNumber } = connection;
    if (this.quarantined.delete(connection)) {
      if (this.quarantinedOf.get(clientNumber) === connection) this.quarantinedOf.delete(clientNumber);
      return;
    }
    const i = this.available.indexOf(connection);
    if (i >= 0) this.available.splice(i, 1);
  }

  /** Removes all of them. */
  removeAll(): Connection[] {
    const all = [...this.available.splice(0), ...this.quarantined];
    this.quarantined.clear();
    this.quarantinedOf.clear();
    return all;
  }
}
