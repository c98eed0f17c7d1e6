/** Which fields are passed on as trailers, after a body. */

/**
 * Not fields that decide about framing, routing, how the request is served or the response used, who the client is, or how the content
 * is read (RFC 9110 section 6.5.1): a recipient that merges trailers into the headers would use them after others have used the
 * headers. `Authentication-Info` and `ETag` are allowed.
 */
const refused = new Set([
  'accept',
  'accept-encoding',
  'age',
  'authorization',
  'cache-control',
  'cdn-cache-control',
  'connection',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'http2-settings',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'surrogate-control',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-real-ip',
]);

/** Servers that turn header names into variables read `_`, `.` and the like as `-`. */
export function mayBeTrailer(name: string): boolean {
  const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  return !refused.has(folded) && !folded.startsWith('limpet-') && !folded.startsWith('x-forwarded-');
}
