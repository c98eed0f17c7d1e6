/**
 * Fuzz of HTTP/2's frames: connections of clients, right and broken, given to our protocol whole, in pieces, and to node:http2 (nghttp2).
 * However they are cut, they mean the same; what is kept and what is sent stays bounded; and no request is taken that nghttp2 does not take.
 * A case that fails is a line for corpus/h2-frames.txt.
 */
import { expect, test } from 'vitest';
import { type H2Error, h2Errors } from '../../src/http/h2/errors.ts';
import { corpus, makeConnection, showFrames, withPreface } from './h2-connections.ts';
import { NodeServer, probe, type Verdict } from './h2-node.ts';
import { fuzzSettings, H2Recorder } from './h2-recorder.ts';
import { fuzzCases, fuzzSeed, Random } from './random.ts';

const seed = fuzzSeed();
const random = new Random(seed);
const connections = [...corpus, ...Array.from({ length: fuzzCases(2000) }, () => makeConnection(random))];

function piecesOf(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const usual = random.pick([1, 3, 10, 100, 5000]);
  for (let p = 0; p < bytes.length; ) {
    const end = p + 1 + random.below(usual);
    // Bytes of their own, which are overwritten afterwards: nothing may be read behind its call.
    pieces.push(Buffer.from(bytes.subarray(p, end)));
    p = end;
  }
  return pieces;
}

function run(pieces: readonly Buffer[], takes: boolean, answers: boolean): H2Recorder {
  const recorder = new H2Recorder({ takes, answers });
  for (const piece of pieces) {
    recorder.read(piece);
    piece.fill(0xff);
    const { keptBytes, streams } = recorder.protocol;
    if (keptBytes > 16_384 + 2 * fuzzSettings.maxBlockBytes) throw new Error(`${keptBytes} bytes are kept`);
    if (streams.open.size > fuzzSettings.maxConcurrentStreams) throw new Error(`${streams.open.size} streams are open`);
  }
  return recorder;
}

/** WINDOW_UPDATE, and so the order of what is sent, depends on the pieces. */
function outcomeOf({ events, requests, error }: H2Recorder): unknown {
  return { events: events.filter((event) => !event.startsWith('window')), requests, error };
}

test(`however they are cut: ${connections.length} connections, FUZZ_SEED=${seed}`, () => {
  const kinds = { served: 0, failed: 0 };
  for (const frames of connections) {
    const bytes = withPreface(frames);
    const takes = random.chance(70);
    const answers = random.chance(70);
    const whole = run([Buffer.from(bytes)], takes, answers);
    const cut = run(piecesOf(bytes), takes, answers);
    expect(outcomeOf(cut), showFrames(frames)).toEqual(outcomeOf(whole));
    // Of a frame of 9 bytes comes one of 17 at most (a GOAWAY with its text aside).
    expect(whole.out.length, showFrames(frames)).toBeLessThan(2 * bytes.length + 200);
    kinds[whole.error === null ? 'served' : 'failed']++;
  }
  // Neither all right nor all wrong: either would test little.
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(connections.length / 5);
});

/** What ends the connection here, and at nghttp2 only the stream, or nothing. RFC 9113 section 5.4.1 allows it; errors.ts says why. */
const stricter: readonly H2Error[] = [
  // A stream that the client itself has reset or ended: nghttp2 drops what comes for it.
  h2Errors.closedStream,
  h2Errors.badPadding,
  h2Errors.emptyWindowUpdate,
  // It takes PRIORITY of stream 0 for nothing.
  h2Errors.streamRequired,
];

/** What ends the connection at nghttp2, and only the stream, or nothing, here. */
const theirOwn: readonly RegExp[] = [
  // An error of the stream is enough for these (sections 5.1 and 6.9.1).
  /^3 WINDOW_UPDATE: window size overflow$/,
  /^5 HEADERS: stream closed$/,
  /^5 DATA: stream in half-closed/,
  // RFC 7540 only: the priorities are deprecated since.
  /depend on itself$/,
  // RFC 9218 section 2.1: may.
  /SETTINGS_NO_RFC7540_PRIORITIES cannot be changed$/,
  // Node does not want an answer to a PING that it has not sent.
  /^2 $/,
  // It answers a GOAWAY that is an error by one.
  /^Session closed with error code/,
  // The windows of streams that are closed, but that it has not forgotten yet.
  /^3 $/,
];

function differenceOf({ error, requests, refused, hasAnswered }: H2Recorder, theirs: Verdict): string {
  // The bytes end within a frame or a header block: nghttp2 reads their beginnings.
  if (error === null && !hasAnswered(probe)) return '';
  const isTheirOwn = theirs.error !== null && theirOwn.some((pattern) => pattern.test(theirs.error ?? ''));
  if (theirs.error !== null && error === null && !isTheirOwn) return `we do not end the connection: ${theirs.error}`;
  if (theirs.error === null && error !== null && !stricter.includes(error))
    return `only we end the connection: ${error.text}`;
  // Of one that has failed, Node does not give its handler all that came before.
  const taken = theirs.error !== null ? [] : requests.filter((id) => !theirs.requests.includes(id));
  if (taken.length > 0)
    return `only we take the requests ${taken.join(', ')}: ${error?.text}, ${JSON.stringify(theirs)}`;
  const missed = theirs.requests.filter((id) => !requests.includes(id) && !refused.includes(id));
  return error === null && missed.length > 0 ? `only nghttp2 takes the requests ${missed.join(', ')}` : '';
}

test(`node:http2 takes the same requests, and refuses the same connections, FUZZ_SEED=${seed}`, {
  timeout: 600_000,
}, async () => {
  await using server = await NodeServer.start();
  const differences: string[] = [];
  let next = 0;
  const worker = async () => {
    for (let frames = connections[next++]; frames !== undefined; frames = connections[next++]) {
      const bytes = withPreface([...frames, probe]);
      const theirs = await server.judge(bytes);
      const difference = differenceOf(run([Buffer.from(bytes)], false, false), theirs);
      if (difference !== '') differences.push(`${difference}: ${showFrames(frames)}`);
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  expect(differences.length, differences.slice(0, 8).join('\n')).toBe(0);
});
