/**
 * Fuzz of HTTP/2's streams: what a client sends and what this side sends, in any order, against a plain model of RFC 9113 section 5.1. The
 * model has a table of all identifiers and no windows; an answer of the protocol that it does not foretell is a fault of one of them.
 * corpus/h2-streams.txt holds sequences that are always run; a case that fails is a line for it.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { clientPreface, FrameType } from '../../src/http/h2/frame.ts';
import type { Stream } from '../../src/http/h2/streams.ts';
import { frame, uint32 } from '../support/h2-frames.ts';
import { framesOf, fuzzSettings, H2Recorder } from './h2-recorder.ts';
import { fuzzCases, fuzzSeed, Random } from './random.ts';

/** `h`, `H`: HEADERS, with END_STREAM. `d`, `D`: DATA. `r`: RST_STREAM, `w`: WINDOW_UPDATE, `p`: PRIORITY. Upper case ends the stream. */
const fromClient = ['h', 'H', 'H', 'd', 'D', 'r', 'w', 'p'] as const;
/** `+`: HEADERS of the response, `*`: with END_STREAM. `x`: RST_STREAM. `=`: the last DATA. */
const fromServer = ['+', '*', 'x', '='] as const;

const maxStreams = 3;
const code = { protocolError: 1, streamClosed: 5, refusedStream: 7 } as const;

type State = 'idle' | 'open' | 'half-closed-remote' | 'half-closed-local' | 'closed' | 'closed-by-our-reset';

/** What must come of a step: events for the handler, frames that answer it, or the end of the connection. */
interface Outcome {
  readonly events: readonly string[];
  readonly resets: readonly string[];
  readonly fails: number | null;
}

const nothing: Outcome = { events: [], resets: [], fails: null };

class Model {
  private readonly states = new Map<number, State>();
  private readonly responded = new Set<number>();
  private highest = 0;

  stateOf(id: number): State {
    // Opening one closes those below it that were never used (section 5.1.1).
    return this.states.get(id) ?? (id % 2 === 1 && id <= this.highest ? 'closed' : 'idle');
  }

  hasResponded(id: number): boolean {
    return this.responded.has(id);
  }

  receive(step: string, id: number): Outcome {
    const state = this.stateOf(id);
    const isEnd = step === 'H' || step === 'D';
    switch (step) {
      case 'p':
        return nothing;
      case 'r':
        if (state === 'idle') return this.fail(code.protocolError);
        if (state === 'closed' || state === 'closed-by-our-reset') return nothing;
        this.states.set(id, 'closed');
        return { ...nothing, events: [`reset ${id} 8`] };
      case 'w':
        if (state === 'idle') return this.fail(code.protocolError);
        return state === 'closed' || state === 'closed-by-our-reset'
          ? nothing
          : { ...nothing, events: [`window ${id}`] };
      default:
    }
    const isHeaders = step === 'h' || step === 'H';
    if (state === 'idle') return isHeaders ? this.open(id, isEnd) : this.fail(code.protocolError);
    if (state === 'closed') return this.fail(code.streamClosed);
    if (state === 'closed-by-our-reset') return nothing;
    if (state === 'half-closed-remote') return this.reset(id, code.streamClosed);
    // Trailers end the stream (section 8.1).
    if (isHeaders && !isEnd) return this.reset(id, code.protocolError);
    const events = [isHeaders ? `trailers ${id}` : `data ${id} x`];
    if (isEnd) {
      events.push(`end ${id}`);
      this.states.set(id, state === 'open' ? 'half-closed-remote' : 'closed');
    }
    return { ...nothing, events };
  }

  /** What this side sends; only what `maySend` allows. */
  send(step: string, id: number): void {
    const state = this.stateOf(id);
    this.responded.add(id);
    if (step === 'x') this.states.set(id, 'closed-by-our-reset');
    else if (step !== '+') this.states.set(id, state === 'open' ? 'half-closed-local' : 'closed');
  }

  maySend(step: string, id: number): boolean {
    const state = this.stateOf(id);
    if (step === 'x') return state === 'open' || state.startsWith('half');
    if (state !== 'open' && state !== 'half-closed-remote') return false;
    return step === '=' ? this.hasResponded(id) : !this.hasResponded(id);
  }

  private open(id: number, isEnd: boolean): Outcome {
    if (id % 2 === 0) return this.fail(code.protocolError);
    this.highest = id;
    if ([...this.states.values()].filter((state) => state === 'open' || state.startsWith('half')).length >= maxStreams)
      return this.reset(id, code.refusedStream, false);
    this.states.set(id, isEnd ? 'half-closed-remote' : 'open');
    return { ...nothing, events: [`headers ${id}`, ...(isEnd ? [`end ${id}`] : [])] };
  }

  private reset(id: number, reason: number, isKnown = true): Outcome {
    this.states.set(id, 'closed-by-our-reset');
    return { ...nothing, events: isKnown ? [`reset ${id} ${reason}`] : [], resets: [`${id} ${reason}`] };
  }

  private fail(reason: number): Outcome {
    return { ...nothing, fails: reason };
  }
}

const block = '\x82\x87\x84\x41\x01a';
const trailers = '\x00\x01a\x01b';

function frameOf(step: string, id: number, isTrailers: boolean): Buffer {
  const end = step === 'H' || step === 'D' ? 1 : 0;
  switch (step) {
    case 'h':
    case 'H':
      return frame(FrameType.headers, 4 | end, id, isTrailers ? trailers : block);
    case 'd':
    case 'D':
      return frame(FrameType.data, end, id, 'x');
    case 'r':
      return frame(FrameType.resetStream, 0, id, uint32(8));
    case 'w':
      return frame(FrameType.windowUpdate, 0, id, uint32(1));
    default:
      return frame(FrameType.priority, 0, id, '\0\0\0\0\x10');
  }
}

/** Steps such as `h1`: what happens, and the stream. */
function run(steps: readonly string[]): void {
  const recorder = new H2Recorder(
    { answers: false, takes: true },
    { ...fuzzSettings, maxConcurrentStreams: maxStreams },
  );
  const model = new Model();
  const objects = new Map<number, Stream>();
  recorder.onStream = (stream) => objects.set(stream.id, stream);
  recorder.read(Buffer.concat([clientPreface, frame(FrameType.settings, 0, 0)]));
  const { protocol, out } = recorder;
  for (const [at, text] of steps.entries()) {
    const step = text[0] ?? '';
    const id = Number(text.slice(1));
    const where = `step ${at + 1} of ${steps.join(' ')}`;
    const stream = objects.get(id);
    recorder.forget();
    out.clear();
    if (fromServer.some((one) => one === step)) {
      if (stream === undefined || !model.maySend(step, id)) continue;
      if (step === 'x') protocol.reset(stream, 0);
      else if (step === '=') protocol.sendData(stream, Buffer.from('x'), 0, 1, true);
      else {
        const begun = protocol.beginHeaders(stream, step === '*');
        out.byte(0x88);
        protocol.endHeaders(stream, begun, step === '*');
      }
      model.send(step, id);
      continue;
    }
    const before = model.stateOf(id);
    const wanted = model.receive(step, id);
    recorder.read(frameOf(step, id, before !== 'idle'));
    const sent = framesOf(out.bytes.subarray(0, out.length));
    const found: Outcome = {
      events: recorder.events.map((event) => event.replace(/ \[.*/, '')),
      resets: sent
        .filter(({ type }) => type === FrameType.resetStream)
        .map(({ streamId, payload }) => `${streamId} ${payload.readUInt32BE(0)}`),
      fails: recorder.error?.code ?? null,
    };
    expect(found, where).toEqual(wanted);
    if (wanted.fails !== null) return;
  }
}

const corpus = readFileSync(resolve(import.meta.dirname, 'corpus/h2-streams.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' '));

test.each(corpus.map((steps) => ({ line: steps.join(' '), steps })))('$line', ({ steps }) => run(steps));

function makeSteps(random: Random): string[] {
  let next = 1;
  return Array.from({ length: 1 + random.below(30) }, () => {
    if (random.chance(25)) {
      const id = next;
      next += 2;
      return `${random.pick(['h', 'H'])}${id}`;
    }
    const id = random.chance(2) ? random.pick([2, next, next + 4]) : Math.max(1, next - 2 - 2 * random.below(4));
    // Frames that are always wrong would end most sequences early.
    return `${random.chance(50) ? random.pick(fromServer) : random.pick(fromClient)}${id}`;
  });
}

const seed = fuzzSeed();

test(`sequences of frames, FUZZ_SEED=${seed}`, { timeout: 600_000 }, () => {
  const random = new Random(seed);
  for (let left = fuzzCases(8000); left > 0; left--) run(makeSteps(random));
});
