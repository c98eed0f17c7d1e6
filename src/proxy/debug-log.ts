/**
 * What `log.level: debug` tells of traffic: connections to servers that were made and lost, requests that are tried again, sessions that
 * move. It names servers and reasons, and nothing that a client has sent: no target, header, cookie or id.
 */
import type { Fault } from '../errors.ts';
import type { Verdict } from '../failover/verdict.ts';
import type { ServerOptions } from '../fleet/server.ts';
import { formatAddress } from '../net/socket.ts';
import type { Clock } from '../time/clock.ts';

type Server = Pick<ServerOptions, 'name' | 'address'>;

/** Lines in one second; more are dropped, and how many is told. */
const mostLines = 1000;

const next: Readonly<{ [verdict in Verdict]: string }> = {
  same: 'sent once more to the same server, over a fresh connection',
  other: 'tried again, if a server is left',
  refuse: 'given up',
};

export class DebugLog {
  private readonly say: (message: string) => void;
  private readonly clock: Pick<Clock, 'monotonic'>;
  private second = -1;
  private lines = 0;
  private dropped = 0;

  constructor(say: (message: string) => void, clock: Pick<Clock, 'monotonic'>) {
    this.say = say;
    this.clock = clock;
  }

  connected(pool: string, server: Server): void {
    this.tell(`connected to server ${nameOf(pool, server)}`);
  }

  notConnected(pool: string, server: Server, why: string): void {
    this.tell(`no connection to server ${nameOf(pool, server)}: ${why}`);
  }

  lost(pool: string, server: Server, why: string): void {
    this.tell(`connection to server ${nameOf(pool, server)} is over: ${why}`);
  }

  /** `attempt` from 1. */
  failed(pool: string, server: Server, fault: Fault, verdict: Verdict, attempt: number): void {
    this.tell(
      `attempt ${attempt} of a request failed at server ${pool}/${server.name}: ${fault.code}; ${next[verdict]}`,
    );
  }

  moved(pool: string, from: Server | undefined, to: Server, hasFailed: boolean, epoch: number): void {
    const why = hasFailed ? 'its owner has failed' : 'it was moved';
    const former = from === undefined ? 'a server that is gone' : `${pool}/${from.name}`;
    this.tell(`a session of ${former} is with ${pool}/${to.name} now, epoch ${epoch}: ${why}`);
  }

  private tell(message: string): void {
    const second = Math.floor(this.clock.monotonic() / 1000);
    if (second !== this.second) {
      const { dropped } = this;
      this.second = second;
      this.lines = this.dropped = 0;
      if (dropped > 0) this.say(`${dropped} lines like the next one were dropped: more than ${mostLines} in a second`);
    }
    if (++this.lines > mostLines) this.dropped++;
    else this.say(message);
  }
}

function nameOf(pool: string, { name, address }: Server): string {
  return `${pool}/${name} (${formatAddress(address)})`;
}
