/** A connection of the bridge to the balancer that speaks HTTP/2, for one client or for all of one address. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { TLSSocket } from 'node:tls';
import { connectTo, type Target } from './target.ts';

/** Small enough that a client that does not read stops the balancer soon. */
const windowBytes = 256 * 1024;

/** A client whose requests are streams of the session. */
export interface Member {
  /** The session takes no request any more. */
  sessionClosed(failed: boolean): void;
}

export class Session {
  readonly http2: ClientHttp2Session;
  readonly scheme: 'http' | 'https';
  readonly members = new Set<Member>();
  readonly report: (problem: string) => void;
  private readonly isShared: boolean;
  private readonly reset: () => void;

  constructor(target: Target, localAddress: string, refused: () => void, report: (problem: string) => void) {
    this.scheme = target.ca === null ? 'http' : 'https';
    this.isShared = target.shared;
    this.report = report;
    const { stream, reset } = connectTo(target, localAddress, 'h2');
    this.reset = reset;
    this.http2 = connect(`${this.scheme}://${target.serverName}`, {
      createConnection: () => stream,
      // The limits that are tested are the balancer's.
      maxHeaderListPairs: 4000,
      maxSendHeaderBlockLength: 1 << 20,
      settings: { enablePush: false, maxHeaderListSize: 1 << 20, initialWindowSize: windowBytes },
    });
    this.http2.once('connect', () => {
      if (!this.http2.destroyed) this.http2.setLocalWindowSize(4 * windowBytes);
    });
    stream.once('secureConnect', () => {
      if (stream instanceof TLSSocket && stream.alpnProtocol !== 'h2')
        report(`the balancer has chosen ${stream.alpnProtocol || 'no protocol'} instead of h2`);
    });
    let failed = false;
    this.http2.on('error', (error: NodeJS.ErrnoException) => {
      failed = true;
      if (error.code === 'ECONNREFUSED') refused();
      else if (error.code?.startsWith('ERR_')) report(`${error.code}: ${error.message}`);
    });
    this.http2.on('close', () => {
      for (const member of this.members) member.sessionClosed(failed);
    });
  }

  get isClosed(): boolean {
    return this.http2.closed || this.http2.destroyed;
  }

  /** The member is gone; its streams are cancelled. `failed`: by a reset. */
  left(member: Member, failed: boolean): void {
    this.members.delete(member);
    if (this.isShared) return;
    if (failed) this.reset();
    else this.http2.close();
  }

  destroy(): void {
    this.http2.destroy();
  }
}
