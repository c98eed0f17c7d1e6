/** Requests read out of bytes: the same whichever way the bytes are cut into reads. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeNet, FakePeer } from '../../../test/support/fake-net.ts';
import { wideLimits } from '../../../test/support/heads.ts';
import { createWorkerContext } from '../../../test/support/worker-context.ts';
import type { Fault } from '../../errors.ts';
import type { RequestHead } from '../../http/head.ts';
import { WriteBuffers } from '../write-buffers.ts';
import { RequestReader, type RequestReaderOwner } from './h1-request-reader.ts';
import { ListenerContext } from './listener-context.ts';

/** Writes down what it is told; the next request is due at once when the one before is complete. */
class Recorder implements RequestReaderOwner {
  readonly events: string[] = [];
  buffered = 0;
  readonly peer = FakePeer.connected();
  readonly reader: RequestReader;
  private readonly isPrompt: boolean;
  private body = '';

  constructor({ maxBodyBytes = 0, isPrompt = true, headBytes = wideLimits.headBytes } = {}) {
    const worker = createWorkerContext();
    const limits = { ...wideLimits, headBytes };
    const context = new ListenerContext(worker, new WriteBuffers(new FakeNet()), limits, () => null);
    this.isPrompt = isPrompt;
    this.reader = new RequestReader(this, context, this.peer, maxBodyBytes);
  }

  onHeadBegin(): void {}

  onHead(head: RequestHead, raw: Buffer, start: number): void {
    this.events.push(raw.toString('latin1', start, start + head.targetEnd - head.begin));
    this.body = '';
  }

  onRequestBegun(): void {
    if (this.reader.state === 'complete') this.onComplete();
  }

  onBodyData(piece: Buffer): void {
    this.body += piece.toString('latin1');
  }

  onBodyEnd(trailers: Buffer | null): void {
    this.events.push(`body ${this.body}`, ...(trailers === null ? [] : [`trailers ${trailers.length}`]));
  }

  onBodyFault(fault: Fault): void {
    this.fail(fault);
  }

  onHeadFault(fault: Fault): void {
    this.fail(fault);
  }

  addBuffered(bytes: number): void {
    this.buffered += bytes;
  }

  /** Reads `text`; a body that becomes complete in a later read ends its request then. */
  read(text: string): void {
    this.reader.read(Buffer.from(text, 'latin1'));
    while (this.isPrompt && this.reader.state === 'complete') this.reader.next();
  }

  private onComplete(): void {
    if (this.isPrompt) this.reader.next();
  }

  private fail({ code }: Fault): void {
    this.events.push(code);
    this.reader.stop();
  }
}

const requests = [
  'GET /a HTTP/1.1\r\nHost: x\r\n\r\n',
  '\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
  'POST /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nX-Sum: 1\r\n\r\n',
  'POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
];
const malformed = [
  'GET / HTTP/1.1\nHost: x\n\n',
  'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
];

function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % text.length))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => text.slice(from, places[i] ?? text.length)).filter((piece) => piece !== '');
}

describe('requests in pieces', () => {
  test('are the same requests, and nothing stays buffered', () => {
    const messages = fc.array(fc.constantFrom(...requests), { minLength: 1, maxLength: 6 });
    const end = fc.constantFrom('', ...malformed);
    fc.assert(
      fc.property(messages, end, fc.array(fc.nat(600), { maxLength: 40 }), (all, last, at) => {
        const text = all.join('') + last;
        const [whole, pieces] = [new Recorder(), new Recorder()];
        whole.read(text);
        for (const piece of cut(text, at)) pieces.read(piece);
        expect(pieces.events).toEqual(whole.events);
        expect([pieces.buffered, whole.buffered]).toEqual([0, 0]);
        expect(pieces.events.filter((event) => event.startsWith('GET') || event.startsWith('POST')).length).toBe(
          all.length + (last.startsWith('POST') ? 1 : 0),
        );
      }),
    );
  });

  test('the state says how far the current one has come', () => {
    const { reader, read } = bound(new Recorder({ isPrompt: false }));
    const states = ['\r\n', 'POST / HT', 'TP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n', 'hel', 'lo', 'GET /'].map(
      (piece) => {
        read(piece);
        return reader.state;
      },
    );
    expect(states).toEqual(['idle', 'head', 'body', 'body', 'complete', 'complete']);
    reader.next();
    expect(reader.state).toBe('head');
    reader.stop();
    reader.next();
    read('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(reader.state).toBe('stopped');
  });
});

/** `read` by itself. */
function bound(recorder: Recorder) {
  return { recorder, reader: recorder.reader, read: (text: string) => recorder.read(text) };
}

describe('limits', () => {
  test.each([
    [
      'by its length, before any of it is read',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n',
      ['body-too-large'],
    ],
    [
      'in chunks, once it has grown',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n2\r\nab\r\n',
      ['POST /', 'body-too-large'],
    ],
    [
      'that is as large as may be',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789',
      ['POST /', 'body 0123456789'],
    ],
  ])('of a body: one %s', (_, text, events) => {
    const recorder = new Recorder({ maxBodyBytes: 10 });
    recorder.read(text);
    expect(recorder.events).toEqual(events);
  });

  test.each([1, 7, 1000])(
    'of a head that comes in pieces of %i bytes: refused when it is beyond, and not later',
    (size) => {
      const recorder = new Recorder({ headBytes: 500 });
      const text = `GET / HTTP/1.1\r\nX: ${'x'.repeat(2000)}`;
      let sent = 0;
      for (; recorder.events.length === 0 && sent < text.length; sent += size)
        recorder.read(text.slice(sent, sent + size));
      expect(recorder.events).toEqual(['head-too-large']);
      expect(sent).toBeLessThanOrEqual(Math.max(500, size) + size);
      expect(recorder.buffered).toBe(0);
    },
  );
});

describe('memory', () => {
  test('what is buffered is told to the budget: a part of a head, and requests that are not due', () => {
    const { recorder, reader, read } = bound(new Recorder({ isPrompt: false }));
    read('GET / HTTP');
    expect(recorder.buffered).toBe(10);
    read('/1.1\r\nHost: x\r\n\r\nGET /next');
    expect([recorder.buffered, reader.hasHeld]).toEqual([9, true]);
    reader.drop();
    expect([recorder.buffered, reader.hasHeld]).toEqual([0, false]);
  });

  test('a head does not keep the large read alive in which it came', () => {
    let length = 0;
    const recorder = new Recorder();
    recorder.onHead = (_head, raw) => void (length = raw.length);
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n';
    recorder.read(head + 'x'.repeat(10_000));
    expect(length).toBe(head.length + 10_000);
    recorder.reader.stop();

    const other = new Recorder();
    other.onHead = (_head, raw) => void (length = raw.length);
    other.read(head + 'x'.repeat(50_000));
    expect(length).toBe(head.length);
  });

  test('beyond 16 KB of requests that are not due, the socket is paused', () => {
    const { recorder, read } = bound(new Recorder({ isPrompt: false }));
    read('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    read('x'.repeat(16 * 1024));
    expect(recorder.peer.paused).toBe(false);
    read('x');
    expect(recorder.peer.paused).toBe(true);
  });
});
