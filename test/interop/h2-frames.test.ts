/** HTTP/2 between Limpet and Debian's python3-h2: requests with long fields, padding and bodies; responses larger than the windows. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { defaultAbuseLimits } from '../../src/http/h2/abuse.ts';
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';
import { Protocol } from '../../src/http/h2/protocol.ts';
import type { ProtocolHandler } from '../../src/http/h2/protocol-handler.ts';
import type { Stream } from '../../src/http/h2/streams.ts';
import { HeadWriter } from '../../src/http/writer.ts';
import { needProgram } from '../support/programs.ts';

interface PeerResult {
  readonly sent: string;
  readonly answers: readonly string[];
  readonly events: readonly (readonly (string | number)[])[];
}

const requests = [
  { bodyBytes: 0, fieldBytes: 1, padBytes: 0 },
  { bodyBytes: 5000, fieldBytes: 10, padBytes: 17 },
  // Its block needs a CONTINUATION.
  { bodyBytes: 1500, fieldBytes: 30_000, padBytes: 255 },
  { bodyBytes: 30_000, fieldBytes: 0, padBytes: 1 },
];
const responseBytes = 100_000;

/** A server that answers each request, once it is complete, with so many bytes as its windows let it. */
class Server implements ProtocolHandler {
  readonly out = new HeadWriter(1024);
  readonly bodies = new Map<number, number>();
  readonly fieldCounts: number[] = [];
  readonly errors: string[] = [];
  private readonly left = new Map<Stream, number>();
  private readonly protocol = new Protocol(
    true,
    {
      maxBlockBytes: 65_536,
      maxContinuations: 8,
      maxConcurrentStreams: 100,
      streamWindowBytes: 65_535,
      connectionWindowBytes: 1_000_000,
      headerTableBytes: 4096,
      maxHeaderListBytes: 65_536,
      connectProtocol: true,
      abuse: defaultAbuseLimits,
    },
    this,
    new FieldList(65_536),
    this.out,
    0,
  );

  constructor() {
    this.protocol.begin();
  }

  /** What it says to that. */
  read(bytes: Buffer): string {
    // Cut, as a network does.
    for (let p = 0; p < bytes.length; p += 777) this.protocol.read(Buffer.from(bytes.subarray(p, p + 777)), 0);
    const said = this.out.bytes.toString('hex', 0, this.out.length);
    this.out.clear();
    return said;
  }

  onHeaders(_stream: Stream, fields: FieldList): void {
    this.fieldCounts.push(fields.count);
  }

  onData(stream: Stream, _bytes: Buffer, start: number, end: number): void {
    this.bodies.set(stream.id, (this.bodies.get(stream.id) ?? 0) + end - start);
    this.protocol.consume(stream, end - start);
  }

  onPong(): void {}

  onEnd(stream: Stream): void {
    const frame = this.protocol.beginHeaders(stream, false);
    // :status: 200
    this.out.byte(0x88);
    this.protocol.endHeaders(stream, frame, false);
    this.left.set(stream, responseBytes);
    this.send(stream);
  }

  onWindow(): void {
    for (const stream of this.left.keys()) this.send(stream);
  }

  onReset(stream: Stream, code: number): void {
    this.errors.push(`${stream.id}: ${code}`);
  }

  onConnectionError(error: { readonly text: string }): void {
    this.errors.push(error.text);
  }

  onSettings(): void {}
  onGoaway(): void {}

  private send(stream: Stream): void {
    const left = this.left.get(stream) ?? 0;
    const body = Buffer.alloc(left);
    let p = 0;
    for (let before = -1; p > before && p < left; ) {
      before = p;
      p = this.protocol.sendData(stream, body, p, left, true);
    }
    if (p === left) this.left.delete(stream);
    else this.left.set(stream, left - p);
  }
}

test('requests of python3-h2 are read, and the responses are read by it', (context) => {
  const python = needProgram(context, 'h2');
  const peer = (pieces: readonly string[]): PeerResult => {
    const { status, stdout, stderr } = spawnSync(python, [resolve(import.meta.dirname, '../support/h2-peer.py')], {
      input: JSON.stringify({ requests, pieces }),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      timeout: 60_000,
    });
    if (status !== 0) throw new Error(`python3-h2: ${stderr}`);
    return JSON.parse(stdout) as PeerResult;
  };

  // The client is the same each time, so it is run anew with one more piece, until neither side has anything to say.
  const server = new Server();
  const pieces = [server.read(Buffer.from(peer([]).sent, 'hex'))];
  let result = peer(pieces);
  for (let answer = result.answers.at(-1); answer !== undefined && answer !== ''; answer = result.answers.at(-1)) {
    pieces.push(server.read(Buffer.from(answer, 'hex')));
    result = peer(pieces);
    expect(pieces.length).toBeLessThan(40);
  }

  expect(server.errors).toEqual([]);
  expect(server.fieldCounts).toEqual([5, 5, 5, 5]);
  expect([...server.bodies]).toEqual([
    [3, 5000],
    [5, 1500],
    [7, 30_000],
  ]);
  const events = result.events;
  expect(events.filter(([name]) => name === 'error' || name === 'StreamReset')).toEqual([]);
  for (const id of [1, 3, 5, 7]) {
    expect(events).toContainEqual(['ResponseReceived', id, '200']);
    expect(events).toContainEqual(['StreamEnded', id]);
    const sizes = events.filter(([name, stream]) => name === 'DataReceived' && stream === id).map(([, , size]) => size);
    expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBe(responseBytes);
  }
  expect(events).toContainEqual(['PingAckReceived']);
  expect(events).toContainEqual(['SettingsAcknowledged']);
});
