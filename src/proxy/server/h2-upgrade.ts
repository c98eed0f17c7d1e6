/**
 * An upgrade of HTTP/1.1 as an extended CONNECT of HTTP/2 (RFC 8441): the server gets no Sec-WebSocket-Key and gives no answer to one, so
 * that answer is made here (RFC 6455 section 1.3).
 */
import { createHash } from 'node:crypto';
import { equalsIgnoreCase } from '../../http/bytes.ts';
import type { HeadWriter } from '../../http/writer.ts';

const keyName = 'sec-websocket-key:';

/** What is needed of the request for the response; both '' where they are not given. */
export interface UpgradeRequest {
  readonly protocol: string;
  readonly key: string;
}

/** `text`: the request as a server of HTTP/1.1 would get it. */
export function readUpgrade({ bytes, length }: HeadWriter): UpgradeRequest {
  return { protocol: lineValue(bytes, length, 'upgrade:'), key: lineValue(bytes, length, keyName) };
}

function lineValue(bytes: Buffer, length: number, name: string): string {
  for (let line = bytes.indexOf('\n') + 1; line > 0 && line < length; line = bytes.indexOf('\n', line) + 1) {
    if (!equalsIgnoreCase(bytes, line, line + name.length, name)) continue;
    return bytes.toString('latin1', line + name.length, bytes.indexOf('\r', line)).trim();
  }
  return '';
}

/**
 * Makes the final head in `text` that of a 101, as a server of HTTP/1.1 would have sent it. It has no framing, and no lines of this
 * connection, because HTTP/2 has none.
 */
export function writeSwitch(text: HeadWriter, { protocol, key }: UpgradeRequest): void {
  const { bytes } = text;
  // The status, which has three digits, and the empty line.
  bytes.write('101', 'HTTP/1.1 '.length, 'latin1');
  text.length -= 2;
  text.text(`connection: upgrade\r\nupgrade: ${protocol}\r\n`);
  if (key !== '') {
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    text.text(`sec-websocket-accept: ${accept}\r\n`);
  }
  text.text('\r\n');
}
