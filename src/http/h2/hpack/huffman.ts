/**
 * The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). The code is canonical: the lengths alone determine it, codes of one
 * length follow the order of their symbols.
 *
 *      decoding:  the next 10 bits are looked up, [ length: 4 bits ][ symbol: 8 bits ]. Codes of text are not longer; a longer one is
 *                 followed bit by bit in the code's tree.
 *      padding:   the last bits may only be the beginning of the end-of-string symbol, all ones, and fewer than 8
 */

/** Bits of the code of each byte; the last is the end-of-string symbol. */
const lengths = Uint8Array.of(
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28],
  ...[28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7],
  ...[8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13],
  ...[14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23],
  ...[22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23],
  ...[20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27],
  ...[27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30],
);

const endOfString = 256;
/** Bits that are looked up at once. */
const peekBits = 10;
const peekMask = (1 << peekBits) - 1;

interface Code {
  /** Inner node and bit -> an inner node from 0 on, or a symbol as `-1 - symbol`. */
  readonly tree: Int16Array;
  /** The code of each symbol, right-aligned. */
  readonly codes: Uint32Array;
}

function buildCode(): Code {
  const symbols = Array.from(lengths, (_, symbol) => symbol).sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  const tree = new Int16Array(2 * 256);
  const codes = new Uint32Array(lengths.length);
  let nodes = 1;
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code <<= lengthOf(symbol) - length;
    length = lengthOf(symbol);
    codes[symbol] = code;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const at = 2 * node + ((code >>> bit) & 1);
      if (tree[at] === 0) tree[at] = nodes++;
      node = tree[at]!;
    }
    tree[2 * node + (code & 1)] = -1 - symbol;
    code++;
  }
  return { tree, codes };
}

function lengthOf(symbol: number): number {
  return lengths[symbol]!;
}

const { tree, codes } = buildCode();
const peeked = buildPeeked();

/** What the next bits begin with; 0: with a code that is longer. */
function buildPeeked(): Uint16Array {
  const table = new Uint16Array(1 << peekBits);
  for (let symbol = 0; symbol < endOfString; symbol++) {
    const length = lengthOf(symbol);
    if (length > peekBits) continue;
    const first = codes[symbol]! << (peekBits - length);
    table.fill((length << 8) | symbol, first, first + (1 << (peekBits - length)));
  }
  return table;
}

/**
 * Decodes `bytes` from `start` to `end` into `out` from `at` on. Returns the offset behind the text in `out`, or -1 when the input is not
 * a Huffman code. `out` needs room for 8/5 of the input: the shortest code has 5 bits.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let i = start;
  let to = at;
  // The last `bits` bits of `held` are still to be decoded.
  let held = 0;
  let bits = 0;
  for (;;) {
    if (bits < peekBits) {
      if (i + 1 < end) {
        held = (held << 16) | (bytes[i]! << 8) | bytes[i + 1]!;
        i += 2;
        bits += 16;
      } else if (i < end) {
        held = (held << 8) | bytes[i++]!;
        bits += 8;
        if (bits < peekBits) continue;
      } else return decodeEnd(held, bits, out, to);
    }
    const found = peeked[(held >>> (bits - peekBits)) & peekMask]!;
    if (found !== 0) {
      out[to++] = found;
      bits -= found >>> 8;
      continue;
    }
    let next = 0;
    do {
      if (bits === 0) {
        // More than 7 bits of a code are no padding.
        if (i >= end) return -1;
        held = bytes[i++]!;
        bits = 8;
      }
      bits--;
      next = tree[2 * next + ((held >>> bits) & 1)]!;
    } while (next >= 0);
    // The end-of-string symbol must not be in a text (RFC 7541 section 5.2).
    if (next === -1 - endOfString) return -1;
    out[to++] = -1 - next;
  }
}

/** The last bits, fewer than are looked up: codes, and a padding. */
function decodeEnd(held: number, bits: number, out: Uint8Array, at: number): number {
  let to = at;
  let left = bits;
  for (;;) {
    const missing = peekBits - left;
    const found = peeked[((held << missing) | ((1 << missing) - 1)) & peekMask]!;
    const length = found >>> 8;
    if (length === 0 || length > left) break;
    out[to++] = found;
    left -= length;
  }
  const ones = (1 << left) - 1;
  return left < 8 && (held & ones) === ones ? to : -1;
}

/** Bytes that the Huffman code of this text takes. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0;
  for (let i = start; i < end; i++) bits += lengths[bytes[i]!]!;
  return (bits + 7) >>> 3;
}

/** Encodes `bytes` from `start` to `end` into `out` from `at` on, padded with ones. Returns the offset behind it. */
export function encodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let to = at;
  let held = 0;
  let bits = 0;
  for (let i = start; i < end; i++) {
    const symbol = bytes[i]!;
    const length = lengths[symbol]!;
    const code = codes[symbol]!;
    // At most 7 bits are held, and a code has up to 30: they do not fit into one word together.
    for (let left = length; left > 0; ) {
      const taken = Math.min(left, 8 - bits);
      left -= taken;
      held = (held << taken) | ((code >>> left) & ((1 << taken) - 1));
      bits += taken;
      if (bits < 8) continue;
      out[to++] = held;
      held = bits = 0;
    }
  }
  if (bits > 0) out[to++] = (held << (8 - bits)) | (0xff >>> bits);
  return to;
}
