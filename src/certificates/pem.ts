/** Finds the blocks of a PEM file (RFC 7468). What stands between them is ignored, as by every other reader. */

export interface PemBlock {
  /** Such as CERTIFICATE. */
  readonly label: string;
  /** With its first and last line. */
  readonly text: string;
}

const begin = '-----BEGIN ';

export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (let at = text.indexOf(begin); at >= 0; ) {
    const labelAt = at + begin.length;
    const label = text.slice(labelAt, text.indexOf('-----', labelAt));
    const last = `-----END ${label}-----`;
    const end = text.indexOf(last, labelAt);
    if (end < 0) break;
    blocks.push({ label, text: `${text.slice(at, end + last.length)}\n` });
    at = text.indexOf(begin, end + last.length);
  }
  return blocks;
}

/** What a file without the expected block holds, in words. */
export function describeContent(bytes: Buffer, blocks: readonly PemBlock[]): string {
  if (bytes.length === 0) return 'an empty file';
  const [first] = blocks;
  if (first !== undefined) return `only ${first.label.slice(0, 40)}`;
  // A SEQUENCE whose length takes more than a byte: certificates and keys are longer than 127 bytes.
  if (bytes[0] === 0x30 && (bytes[1] ?? 0) > 0x80) return 'what may be DER';
  return bytes.includes(begin) ? 'PEM that has no end' : 'no PEM';
}
