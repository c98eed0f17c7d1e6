/**
 * What can be wrong with the frames of the other side: the code it is told (RFC 9113 section 7), and the reason for a person. They are
 * constants, so that an error costs nothing to make, and can be compared.
 *
 * The RFC allows to treat an error of a stream as one of the connection (section 5.4.1). Limpet does so for every frame that is wrong in
 * itself, whatever came before: no honest program sends one, and who sends them to be answered with RST_STREAM, each of which costs a
 * request that a server has begun (CVE-2025-8671, "made you reset"), gets one only.
 */

/** RFC 9113 section 7. */
export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export interface H2Error {
  /** A value of `ErrorCode`. */
  readonly code: number;
  /** It ends the connection (GOAWAY), or the stream only (RST_STREAM). */
  readonly scope: 'connection' | 'stream';
  readonly text: string;
}

function connection(code: number, text: string): H2Error {
  return { code, scope: 'connection', text };
}

function stream(code: number, text: string): H2Error {
  return { code, scope: 'stream', text };
}

const { protocolError, flowControlError, streamClosed, frameSizeError, refusedStream, enhanceYourCalm } = ErrorCode;

export const h2Errors = {
  // Frames.
  badPreface: connection(protocolError, 'The connection does not begin with the preface of HTTP/2.'),
  settingsNotFirst: connection(protocolError, 'The first frame is not SETTINGS.'),
  frameTooLarge: connection(frameSizeError, 'A frame is larger than SETTINGS_MAX_FRAME_SIZE.'),
  badFrameSize: connection(frameSizeError, 'A frame does not have the length that its type requires.'),
  streamRequired: connection(protocolError, 'A frame that belongs to a stream has stream identifier 0.'),
  streamForbidden: connection(protocolError, 'A frame that belongs to the connection has a stream identifier.'),
  badPadding: connection(protocolError, 'The padding of a frame is longer than the frame.'),
  emptyWindowUpdate: connection(protocolError, 'A WINDOW_UPDATE adds nothing.'),
  badSetting: connection(protocolError, 'A setting has a value that is not allowed.'),
  badWindowSetting: connection(flowControlError, 'SETTINGS_INITIAL_WINDOW_SIZE is larger than 2^31-1.'),
  pushRefused: connection(protocolError, 'A PUSH_PROMISE came, which is not allowed here.'),
  unexpectedAck: connection(protocolError, 'SETTINGS that were never sent are acknowledged.'),

  // Header blocks.
  blockInterrupted: connection(protocolError, 'Another frame stands inside of a header block.'),
  continuationWithoutBlock: connection(protocolError, 'A CONTINUATION continues no header block.'),
  tooManyContinuations: connection(enhanceYourCalm, 'A header block has too many CONTINUATION frames.'),
  blockTooLarge: connection(enhanceYourCalm, 'A header block is too large.'),

  // Flow control.
  connectionWindowExceeded: connection(flowControlError, 'More data came than the window of the connection allows.'),
  connectionWindowTooLarge: connection(flowControlError, 'The window of the connection goes beyond 2^31-1.'),
  initialWindowTooLarge: connection(
    flowControlError,
    'A change of SETTINGS_INITIAL_WINDOW_SIZE makes the window of a stream go beyond 2^31-1.',
  ),
  streamWindowExceeded: stream(flowControlError, 'More data came than the window of the stream allows.'),
  streamWindowTooLarge: stream(flowControlError, 'The window of the stream goes beyond 2^31-1.'),

  // Streams.
  idleStream: connection(protocolError, 'A frame belongs to a stream that has not been opened.'),
  badStreamId: connection(protocolError, 'A stream is opened with an identifier that the other side may not use.'),
  closedStream: connection(streamClosed, 'A frame belongs to a stream that is closed.'),
  halfClosedStream: stream(streamClosed, 'A frame came after END_STREAM.'),
  dataBeforeHeaders: stream(protocolError, 'DATA came before HEADERS.'),
  trailersWithoutEnd: stream(protocolError, 'Trailers came without END_STREAM.'),
  tooManyStreams: stream(refusedStream, 'There are more streams than SETTINGS_MAX_CONCURRENT_STREAMS.'),
} as const satisfies Record<string, H2Error>;
