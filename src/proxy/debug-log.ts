/**
 * What `log.level: debug` adds about traffic: connections to servers that were made and lost, requests that are tried again, sessions
 * that move. It names servers and reasons, and nothing that a client has sent (no target, header, cookie or session),
 * but for the id of a request where the config accepts one.
 */
import type { Fault } from '../errors.ts';
import type { Verdict } from '../failover/verdict.ts';
import type { ServerOptions } from '../fleet/server.ts';
import { formatAddress } from '../net/socket.ts';
import type { Clock } from '../time/clock.ts';

type Server = Pick<ServerOptions, 'name' | 'address'>;

/** Lines per second; more are dropped, and counted in the next line. */
const maxLines = 1000;

const next: Readonly<{ [verdict in Verdict]: string }> = {
  same: 'sent once more to the same server, over a fresh connection',
  other: 'tried again, if a server is left',
  refuse: 'given up',
};

export class DebugLog {
  private readonly write: (message: string) => void;
  private readonly clock: Pick<Clock, 'monotonic'>;
  private second = -1;
  private lines = 0;
  private dropped = 0;

  constructor(write: (message: string) => void, clock: Pick<Clock, 'monotonic'>) {
    this.write = write;
    this.clock = clock;
  }

  connected(pool: string, server: Server): void {
    this.log(`connected to server ${nameOf(pool, server)}`);
  }

  notConnected(pool: string, server: Server, why: string): void {
    this.log(`no connection to server ${nameOf(pool, server)}: ${why}`);
  }

  disconnected(pool: string, server: Server, why: string): void {
    this.log(`connection to server ${nameOf(pool, server)} is over: ${why}`);
  }

  handshakeFailed(listener: string, why: string): void {
    this.log(`a TLS handshake at listener ${listener} failed: ${why}`);
  }

  /** `why`: what the client is told. */
  h2Failed(listener: string, why: string): void {
    this.log(`an HTTP/2 connection of listener ${listener} is ended: ${why}`);
  }

  /** `attempt` from 1. `requestId`: '' for none. */
  failed(pool: string, server: Server, fault: Fault, verdict: Verdict, attempt: number, requestId = ''): void {
    const which = requestId === '' ? 'a request' : `request ${requestId}`;
    this.log(`attempt ${attempt} of ${which} failed at server ${pool}/${server.name}: ${fault.code}; ${next[verdict]}`);
  }

  moved(pool: string, from: Server | undefined, to: Server, hasFailed: boolean, epoch: number): void {
    const why = hasFailed ? 'its owner has failed' : 'it was moved';
    const former = from === undefined ? 'a server that is gone' : `${pool}/${from.name}`;
    this.log(`a session of ${former} is with ${pool}/${to.name} now, epoch ${epoch}: ${why}`);
  }

  private log(message: string): void {
    const second = Math.floor(this.clock.monotonic() / 1000);
    if (second !== this.second) {
      const { dropped } = this;
      this.second = second;
      this.lines = this.dropped = 0;
      if (dropped > 0) this.write(`${dropped} lines like the next one were dropped: more than ${maxLines} in a second`);
    }
    if (++this.lines > maxLines) this.dropped++;
    else this.write(message);
  }
}

function nameOf(pool: string, { name, address }: Server): string {
  return `${pool}/${name} (${formatAddress(address)})`;
}
