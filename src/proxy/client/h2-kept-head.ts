/** The head of a request that a client of HTTP/2 repeats, as it was made of the fields (http/h2/repeated-block.ts): one of a connection. */
import type { RequestFields } from '../../http/h2/request-fields.ts';
import type { HeadWriter } from '../../http/writer.ts';

/** A longer one is not kept: each connection may have one. */
const maxBytes = 2048;

export class KeptHead {
  contentLength = -1;
  private bytes: Buffer = noBytes;
  private length = 0;

  /** `head`: what `fields` has written. False: it is not kept. */
  keep(head: HeadWriter, { contentLength }: RequestFields): boolean {
    const { length } = head;
    if (length > maxBytes) return false;
    if (length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(length);
    head.bytes.copy(this.bytes, 0, 0, length);
    this.length = length;
    this.contentLength = contentLength;
    return true;
  }

  write(out: HeadWriter): void {
    out.copy(this.bytes, 0, this.length);
  }
}

const noBytes = Buffer.alloc(0);
