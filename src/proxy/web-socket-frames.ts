/**
 * Follows the frames of a WebSocket in bytes that pass by, only to know when no frame is half through: then a close frame can be
 * added (RFC 6455 section 5.2).
 *
 *      byte 0         byte 1              0, 2 or 8 bytes   0 or 4 bytes
 *      FIN, opcode    MASK, length 0-125  length            key            payload
 *                           126: 16 bit
 *                           127: 64 bit
 */

const mask = 0x80;
const lengthBits = 0x7f;

/** Close, with the status 1001: the server is going away. Not masked: from a server. */
export const goingAway = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

export class WebSocketFrames {
  /** Bytes of the present frame's payload that are still to come. */
  private left = 0;
  /** Bytes of the present frame's header that have come, 0: none; and how many it has. */
  private read = 0;
  private headerBytes = 2;
  private length = 0;
  /** Where the length ends in the header. */
  private lengthEnd = 2;

  /** No frame is half through. */
  get isBetween(): boolean {
    return this.left === 0 && this.read === 0;
  }

  follow(chunk: Uint8Array): void {
    let p = 0;
    while (p < chunk.length) {
      if (this.left > 0) {
        const taken = Math.min(this.left, chunk.length - p);
        this.left -= taken;
        p += taken;
      } else this.readHeader(chunk[p++]!);
    }
  }

  private readHeader(byte: number): void {
    const at = this.read++;
    if (at === 1) {
      const short = byte & lengthBits;
      const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
      this.headerBytes = 2 + lengthBytes + ((byte & mask) === 0 ? 0 : 4);
      this.length = lengthBytes === 0 ? short : 0;
      this.lengthEnd = 2 + lengthBytes;
    } else if (at > 1 && at < this.lengthEnd) this.length = this.length * 256 + byte;
    if (this.read < this.headerBytes || at === 0) return;
    this.left = this.length;
    this.read = 0;
    this.headerBytes = 2;
  }
}
