/** What HTTP/2 connections of a listener are allowed, as the protocol is given it. */
import type { AbuseLimits } from '../../http/h2/abuse.ts';
import type { ProtocolSettings } from '../../http/h2/protocol-handler.ts';

/** `limits` of a listener, in bytes. */
export interface H2Limits {
  readonly headBytes: number;
  readonly h2: {
    readonly streams: number;
    readonly headerTableBytes: number;
    readonly streamWindowBytes: number;
    readonly connectionWindowBytes: number;
    readonly perMinute: AbuseLimits;
  };
}

const frameBytes = 16 * 1024;
/** CONTINUATION frames of one block that are smaller than they could be. */
const smallContinuations = 8;

/** `connectProtocol`: the listener passes WebSockets on. */
export function h2SettingsOf({ headBytes, h2 }: H2Limits, connectProtocol: boolean): ProtocolSettings {
  // A block that is too large ends the connection, a list of fields that is too large only the request.
  const maxBlockBytes = 2 * headBytes;
  return {
    maxBlockBytes,
    maxContinuations: smallContinuations + Math.ceil(maxBlockBytes / frameBytes),
    maxConcurrentStreams: h2.streams,
    streamWindowBytes: h2.streamWindowBytes,
    connectionWindowBytes: h2.connectionWindowBytes,
    headerTableBytes: h2.headerTableBytes,
    maxHeaderListBytes: headBytes,
    connectProtocol,
    abuse: h2.perMinute,
  };
}
