/**
 * What a gRPC client gets in place of an error page. It reads `grpc-status` and not the status of HTTP, so the response is 200 with nothing
 * but fields ("Trailers-Only" in gRPC over HTTP/2). The access log and the counters keep the status of the fault.
 */
import { type Fault, retryAfterOf } from '../../errors.ts';

/** The codes of gRPC that are used here. */
const unknown = 2;
const deadlineExceeded = 4;
const permissionDenied = 7;
const resourceExhausted = 8;
const unimplemented = 12;
const internal = 13;
const unavailable = 14;
const unauthenticated = 16;

/**
 * As gRPC's clients would map a response without `grpc-status` (http-grpc-status-mapping), with more where the fault is known to be more: a
 * server that is too slow has missed a deadline (UNAVAILABLE would have clients repeat what it may have done), and what gRPC says itself
 * of messages and metadata that are too large, and of methods that are not there.
 */
const statuses: ReadonlyMap<number, number> = new Map([
  [400, internal],
  [401, unauthenticated],
  [403, permissionDenied],
  [404, unimplemented],
  [413, resourceExhausted],
  [429, unavailable],
  [431, resourceExhausted],
  [501, unimplemented],
  [502, unavailable],
  [503, unavailable],
  [504, deadlineExceeded],
]);

export function grpcStatusOf(httpStatus: number): number {
  return statuses.get(httpStatus) ?? unknown;
}

const contentType = Buffer.from('\r\ncontent-type: application/grpc');
const SPACE = 0x20;
const PLUS = 0x2b;
const SEMICOLON = 0x3b;
const CR = 0x0d;

/** Whether the request is one of gRPC. `head`: as h2-stream-request.ts writes it, the names in lower case. gRPC-Web is another protocol. */
export function isGrpcRequest(head: Buffer): boolean {
  const at = head.indexOf(contentType);
  if (at < 0) return false;
  const next = head[at + contentType.length];
  return next === PLUS || next === SEMICOLON || next === CR || next === SPACE;
}

/** The header lines of the response. `date` as HTTP writes it. */
export function grpcErrorLines(fault: Fault, date: string): string {
  const { code, status, text } = fault;
  const message = encodeMessage(`${text} (${code})`);
  const lines = `Content-Type: application/grpc\r\nGrpc-Status: ${grpcStatusOf(status)}\r\nGrpc-Message: ${message}\r\nDate: ${date}\r\nCache-Control: no-store\r\nLimpet-Reason: ${code}\r\n`;
  const retryAfter = retryAfterOf(fault);
  return retryAfter > 0 ? `${lines}Retry-After: ${retryAfter}\r\n` : lines;
}

/** Percent-encoding of gRPC: of all bytes of UTF-8 but those of printable ASCII, and of the percent sign. */
export function encodeMessage(text: string): string {
  return text.replace(/[^ -$&-~]+/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
