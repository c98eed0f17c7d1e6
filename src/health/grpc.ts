/**
 * The messages of gRPC health checking (grpc.health.v1), which are small enough to be written and read here:
 *
 *      HealthCheckRequest  { string service = 1; }
 *      HealthCheckResponse { ServingStatus status = 1; }    UNKNOWN 0, SERVING 1, NOT_SERVING 2, SERVICE_UNKNOWN 3
 *
 * Each goes as one message of gRPC: a byte that says whether it is compressed, its length in four bytes, the message.
 */
export const grpcPath = '/grpc.health.v1.Health/Check';

const prefixBytes = 5;
/** An answer has two bytes; a later version may have more fields. */
export const maxAnswerBytes = 1024;
const servingNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  // A field with the default value is left out.
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** What a server has answered, as far as it has come. */
export interface GrpcAnswer {
  /** Of HTTP. */
  readonly status: number;
  /** Fields of the head and of the trailers, in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** What is wrong with the service by this answer; null: nothing. */
export function problemOfAnswer({ status, fields, body }: GrpcAnswer, service: string): string | null {
  if (status !== 200) return `status ${status}`;
  if (fields.get('content-type')?.startsWith('application/grpc') !== true) return 'the answer is not gRPC';
  const code = fields.get('grpc-status');
  if (code === undefined) return 'the answer has no grpc-status';
  if (code === '12') return 'the server has no gRPC health checking (grpc-status 12, UNIMPLEMENTED)';
  if (code === '5') return `the server does not know the service "${service}" (grpc-status 5, NOT_FOUND)`;
  if (code !== '0') return `grpc-status ${code.slice(0, 10)}`;
  const serving = decodeServingStatus(body);
  if (serving === 1) return null;
  return serving === null
    ? 'the answer is not a HealthCheckResponse'
    : `the service is ${servingNames[serving] ?? serving}`;
}

/** null: it is no such message. */
function decodeServingStatus(body: Buffer): number | null {
  if (body.length < prefixBytes || body[0] !== 0 || body.readUInt32BE(1) !== body.length - prefixBytes) return null;
  let status = 0;
  for (let p = prefixBytes; p < body.length; ) {
    const tag = readVarint(body, p);
    if (tag === null) return null;
    const value = readVarint(body, tag.end);
    if (value === null) return null;
    p = value.end;
    const kind = tag.value & 7;
    // Fields that are not known are skipped: numbers, and texts by their length.
    if (kind === 2) p += value.value;
    else if (kind !== 0) return null;
    if (p > body.length) return null;
    if (tag.value === 8) status = value.value;
  }
  return status;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** At most 28 bits: no field here is longer. */
function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let i = 0; i < 4 && start + i < bytes.length; i++) {
    const byte = bytes[start + i]!;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return null;
}
