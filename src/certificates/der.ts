/** Reads the structure of DER (X.690): enough for what node:crypto does not tell of certificates and OCSP responses. */

/** One value: its content is `bytes[start..end)`. */
export interface DerValue {
  readonly tag: number;
  /** Of the whole value, with tag and length. */
  readonly from: number;
  readonly start: number;
  readonly end: number;
}

export class DerError extends Error {}

export const Tag = {
  integer: 0x02,
  octetString: 0x04,
  enumerated: 0x0a,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** Throws DerError when there is no whole value. */
export function readValue(bytes: Buffer, from: number, limit: number): DerValue {
  const first = bytes[from + 1];
  if (first === undefined || from + 2 > limit) throw new DerError('it ends within a value');
  const tag = bytes[from]!;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const start = from + 2 + lengthBytes;
  // DER has no indefinite length; four bytes are more than any file that is read has.
  if (first === 0x80 || lengthBytes > 4 || start > limit) throw new DerError('it has a length that is none');
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(from + 2, lengthBytes);
  if (start + length > limit) throw new DerError('it ends within a value');
  return { tag, from, start, end: start + length };
}

/** The values inside a value. Throws DerError. */
export function childrenOf(bytes: Buffer, { start, end }: DerValue): DerValue[] {
  const found: DerValue[] = [];
  for (let at = start; at < end; ) {
    const value = readValue(bytes, at, end);
    found.push(value);
    at = value.end;
  }
  return found;
}

/** Throws DerError when there is no such value, or it has another tag. */
export function expectValue(value: DerValue | undefined, tag: number): DerValue {
  if (value === undefined || value.tag !== tag) throw new DerError('it has another structure');
  return value;
}

/** Milliseconds since 1970. DER allows one form: YYYYMMDDHHMMSSZ. Throws DerError. */
export function readTime(bytes: Buffer, value: DerValue | undefined): number {
  const { start, end } = expectValue(value, Tag.generalizedTime);
  const text = bytes.toString('latin1', start, end);
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)?.map(Number) ?? [];
  if (second === undefined) throw new DerError('it has a time that is none');
  return Date.UTC(year!, month! - 1, day, hour, minute, second);
}
