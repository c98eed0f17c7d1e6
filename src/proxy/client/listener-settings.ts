/** What holds for all connections of a listener, until a reload changes it for new ones. */
import type { ClientConnection } from './client-connection.ts';
import type { PeerSettings } from './peer.ts';

export interface ListenerSettings extends PeerSettings {
  readonly upgrades: readonly string[];
  readonly halfClose: boolean;
  /** Most bytes of a request's body; 0: no limit. */
  readonly bodyBytes: number;
  /** Most bytes that are read from a lingering connection. */
  readonly lingerBytes: number;
  /** Milliseconds. */
  readonly timeouts: {
    readonly requestHead: number;
    readonly requestBody: number;
    readonly keepAlive: number;
    readonly write: number;
    readonly linger: number;
  };
  /** Called once, when the connection is closed, or is a tunnel that is over. */
  readonly onClose: (connection: ClientConnection) => void;
}
