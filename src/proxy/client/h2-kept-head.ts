/** The head of a request that a client of HTTP/2 repeats, as it was made of the fields (http/h2/repeated-block.ts): one of a connection. */
import type { RequestFields } from '../../http/h2/request-fields.ts';
import type { HeadWriter } from '../../http/writer.ts';

/** A longer one is not kept: each connection may have one. */
const maxBytes = 2048;

export class KeptHead {
  /** The whole head. These bytes never change: exchanges use them, also when another head is kept already. */
  bytes: Buffer = noBytes;
  contentLength = -1;

  /** `head`: what `fields` has written. False: it is not kept. */
  keep(head: HeadWriter, { contentLength }: RequestFields): boolean {
    if (head.length > maxBytes) return false;
    this.bytes = Buffer.allocUnsafeSlow(head.length);
    head.bytes.copy(this.bytes, 0, 0, head.length);
    this.contentLength = contentLength;
    return true;
  }
}

const noBytes = Buffer.alloc(0);
