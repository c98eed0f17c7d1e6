/** A client's HTTP/2 connection on a network without a kernel: the test sends frames, plays the exchanges, and sees the frames that come. */
import { clientPreface, FrameType } from '../../src/http/h2/frame.ts';
import { HpackDecoder } from '../../src/http/h2/hpack/decoder.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { H2ClientConnection } from '../../src/proxy/client/h2-connection.ts';
import { frame } from './h2-frames.ts';
import { type Settings, stageConnection } from './stage-client.ts';

const types = Object.keys(FrameType);

/** A header block, from `name: value` texts. */
export function block(...fields: readonly string[]): Buffer {
  const out = new HeadWriter(256);
  for (const field of fields) {
    const at = field.indexOf(': ');
    const name = field.slice(0, at);
    const value = field.slice(at + 2);
    out.bytes[out.length++] = 0;
    for (const text of [name, value]) {
      if (text.length > 126) throw new Error('too long for this encoder');
      out.byte(text.length);
      out.text(text);
    }
  }
  return Buffer.from(out.bytes.subarray(0, out.length));
}

/** HEADERS of a request. */
export function request(id: number, ends: boolean, method = 'GET', path = '/', ...fields: readonly string[]): Buffer {
  const all = [`:method: ${method}`, ':scheme: http', ':authority: x', `:path: ${path}`, ...fields];
  return frame(FrameType.headers, ends ? 5 : 4, id, block(...all));
}

export function data(id: number, text: string, ends = false): Buffer {
  return frame(FrameType.data, ends ? 1 : 0, id, text);
}

export function stageH2Client(settings: Settings = {}, budgetBytes = 2 ** 20) {
  const stage = stageConnection(H2ClientConnection, settings, budgetBytes);
  const { peer } = stage;
  const decoder = new HpackDecoder(4096);
  const list = new FieldList(65_536);
  let read = 0;
  const frameAt = (bytes: Buffer, p: number): string => {
    const size = bytes.readUIntBE(p, 3);
    const type = types[bytes[p + 3]!]!;
    const flags = bytes[p + 4]!;
    const id = bytes.readUInt32BE(p + 5);
    const payload = bytes.subarray(p + 9, p + 9 + size);
    const ends = (type === 'data' || type === 'headers') && (flags & 1) !== 0 ? ' end' : '';
    const ack = (type === 'settings' || type === 'ping') && flags === 1 ? ' ack' : '';
    let text = payload.toString('hex');
    if (type === 'data') text = payload.toString('latin1');
    else if (type === 'headers') {
      const error = decoder.decode(payload, 0, payload.length, list);
      if (error !== null) throw new Error(error);
      text = list
        .toArray()
        .map(([name, value]) => `${name}: ${value}`)
        .join(', ');
    } else if (type === 'resetStream') text = `${payload.readUInt32BE(0)}`;
    else if (type === 'windowUpdate') text = `${payload.readUInt32BE(0)}`;
    else if (type === 'goaway') text = `${payload.readUInt32BE(0)} ${payload.readUInt32BE(4)}`;
    return `${type}${ack}${ends} ${id}${text === '' ? '' : ` ${text}`}`;
  };
  /** The frames that have come since the last call; the loop turn ends. */
  const frames = (): string[] => {
    stage.endTurn();
    const bytes = Buffer.from(peer.received.slice(read), 'latin1');
    read = peer.received.length;
    const found: string[] = [];
    for (let p = 0; p < bytes.length; p += 9 + bytes.readUIntBE(p, 3)) found.push(frameAt(bytes, p));
    return found;
  };
  const send = (...all: readonly Buffer[]): void => peer.handler.onData(Buffer.concat(all));
  return {
    ...stage,
    frames,
    send,
    /** The preface and settings of the client (the payload of SETTINGS), and what is answered to them. */
    begin: (payload: Uint8Array = Buffer.alloc(0)): string[] => {
      send(clientPreface, frame(FrameType.settings, 0, 0, payload), frame(FrameType.settings, 1, 0));
      return frames();
    },
  };
}
