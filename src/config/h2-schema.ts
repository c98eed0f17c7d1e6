/** Schema of the limits of HTTP/2 connections of clients. */
import { defaults } from './defaults.ts';
import { field, map, size, whole } from './fields.ts';
import { formatSize } from './units.ts';

const { h2 } = defaults.listener.limits;

/** More of a kind in a minute on one connection is an error of the connection. */
function perMinute(kind: keyof typeof h2.perMinute, meaning: string) {
  return field(whole(1, 1_000_000_000), h2.perMinute[kind], meaning);
}

export const h2LimitsSchema = map({
  streams: field(
    whole(1, 65_535),
    h2.streams,
    'Most requests at one time on one connection; one more is refused (REFUSED_STREAM).',
  ),
  headerTableBytes: field(
    size(0, 1024 ** 2),
    formatSize(h2.headerTableBytes),
    'Largest table of header fields (HPACK) that a client may use.',
  ),
  streamWindowBytes: field(
    size(1024, 2 ** 30),
    formatSize(h2.streamWindowBytes),
    'Bytes of one request body that may be on the way before the server has taken any.',
  ),
  connectionWindowBytes: field(
    size(64 * 1024, 2 ** 30),
    formatSize(h2.connectionWindowBytes),
    'The same of all request bodies of one connection.',
  ),
  perMinute: field(
    map({
      resets: perMinute('resets', 'Requests that the client resets before they are complete (CVE-2023-44487).'),
      forcedResets: perMinute(
        'forcedResets',
        'Errors of the client by which it makes this side reset a stream (CVE-2025-8671).',
      ),
      refusedStreams: perMinute('refusedStreams', 'Requests beyond `streams`.'),
      pings: perMinute('pings', 'PING frames without a response to a request between them.'),
      settings: perMinute('settings', 'SETTINGS frames.'),
      emptyFrames: perMinute('emptyFrames', 'DATA frames that hold and end nothing, and frames of unknown types.'),
      windowUpdates: perMinute(
        'windowUpdates',
        'WINDOW_UPDATE frames, beyond ten for each DATA frame that the client gets.',
      ),
      priorities: perMinute('priorities', 'PRIORITY frames.'),
      continuations: perMinute('continuations', 'CONTINUATION frames (CVE-2024-27316).'),
      closedStreamFrames: perMinute('closedStreamFrames', 'Frames of streams that are closed.'),
      goaways: perMinute('goaways', 'GOAWAY frames.'),
    }),
    {},
    'What costs a client little and this side much, of one connection in a minute. More closes the connection (ENHANCE_YOUR_CALM).',
  ),
});
