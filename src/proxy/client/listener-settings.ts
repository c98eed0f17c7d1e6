/** What holds for all connections of a listener, until a reload changes it for new ones. */
import type { ProtocolSettings } from '../../http/h2/protocol-handler.ts';
import type { ClientConnection } from './client-connection.ts';
import type { PeerSettings } from './peer.ts';

export interface ListenerSettings extends PeerSettings {
  /** Versions of HTTP, in order of preference. */
  readonly protocols: readonly ('h1' | 'h2')[];
  readonly upgrades: readonly string[];
  readonly halfClose: boolean;
  /** Most bytes of a request's body; 0: no limit. */
  readonly bodyBytes: number;
  /** Most bytes that are read from a lingering connection. */
  readonly lingerBytes: number;
  readonly h2: ProtocolSettings;
  /** Milliseconds. */
  readonly timeouts: {
    readonly handshake: number;
    readonly requestHead: number;
    readonly requestBody: number;
    readonly keepAlive: number;
    readonly write: number;
    readonly linger: number;
  };
  /** A connection has another one in its place, of which it is the listener's turn to know from now on. */
  readonly onReplace: (connection: ClientConnection, by: ClientConnection) => void;
  /** Called once, when the connection is closed, or is a tunnel that is over. */
  readonly onClose: (connection: ClientConnection) => void;
}
