/** Who is at the other end of a client's connection, whatever protocol is spoken on it. */
import { ForwardedLines, type ReceivedVersion, writeForwardedFor } from '../../http/forwarded.ts';
import type { RequestHead } from '../../http/head.ts';
import type { HeadWriter } from '../../http/writer.ts';
import type { Socket } from '../../net/socket.ts';
import type { ClientCertificate } from '../../net/tls.ts';
import type { CertificateHeaders } from './certificate-headers.ts';

/** Of the listener. */
export interface PeerSettings {
  /** As it is shown in the log. */
  readonly name: string;
  /** Whether an address is one of the trusted proxies. */
  readonly isTrusted: (address: string) => boolean;
  /** The line of Strict-Transport-Security with its CR LF; '': none. */
  readonly hsts: string;
  /** null: servers are told nothing of the certificates of clients. */
  readonly certificates: CertificateHeaders | null;
}

/** Connections of this worker so far, of all listeners. */
let connections = 0;

export class Peer {
  /** Its address; '' on a unix-domain socket. */
  readonly address: string;
  /** It is one of the trusted proxies of the listener. */
  readonly isTrusted: boolean;
  /** What it sends is encrypted. */
  readonly isSecure: boolean;
  /** Line that responses get because they are sent over TLS; '': none. */
  readonly hsts: string;
  /** Number of the connection, from 1; no other one of this worker has it. */
  readonly number = ++connections;
  private readonly settings: PeerSettings;
  private readonly socket: Socket;
  private readonly version: ReceivedVersion;
  /** Made for the first request. */
  private forwarded: ForwardedLines | null = null;
  private certificateLines: string | null = null;

  /** `version`: of HTTP on this connection; an older one of a single request is in its head. */
  constructor(socket: Socket, settings: PeerSettings, version: ReceivedVersion) {
    this.settings = settings;
    this.version = version;
    this.socket = socket;
    this.address = socket.remoteAddress;
    this.isTrusted = settings.isTrusted(this.address);
    this.isSecure = socket.secure;
    this.hsts = socket.secure ? settings.hsts : '';
  }

  /** Name of the listener, for the log. */
  get listener(): string {
    return this.settings.name;
  }

  /** What it has shown in the handshake, verified; null: nothing. */
  get certificate(): ClientCertificate | null {
    return this.socket.tls?.clientCertificate ?? null;
  }

  /** Whether an address is one of the trusted proxies. */
  get isTrustedAddress(): (address: string) => boolean {
    return this.settings.isTrusted;
  }

  /** Writes the header lines that tell the server who the client is. */
  writeForwarded(head: RequestHead, out: HeadWriter): void {
    if (this.settings.certificates !== null) {
      this.certificateLines ??= this.settings.certificates.linesOf(this.certificate);
      out.text(this.certificateLines);
    }
    if (this.isTrusted) writeForwardedFor(head, this.address, this.isSecure, this.version, out);
    else {
      this.forwarded ??= new ForwardedLines(this.address, this.isSecure, this.version);
      this.forwarded.write(head, out);
    }
  }
}
