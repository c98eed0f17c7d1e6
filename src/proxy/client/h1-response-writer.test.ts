/** Responses to several clients that gather in one buffer, whose pieces come in every order. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakePeer } from '../../../test/support/fake-net.ts';
import { wideLimits } from '../../../test/support/heads.ts';
import { createWorkerContext } from '../../../test/support/worker-context.ts';
import { serverFaults } from '../../errors.ts';
import { Method, ResponseHead } from '../../http/head.ts';
import { Splice } from '../../http/splice.ts';
import type { WorkerContext } from '../worker-context.ts';
import { ResponseWriter } from './h1-response-writer.ts';
import { WriteBatch } from './write-batch.ts';

const responseWriter = (work: Work, peer: FakePeer) => new ResponseWriter(work.worker, work.batch, peer);

interface Work {
  readonly worker: WorkerContext;
  readonly batch: WriteBatch;
}

const createWork = (): Work => ({ worker: createWorkerContext(), batch: new WriteBatch(64 * 1024) });

/** A step of one response; `undefined`: it has none left. */
type Steps = (() => void)[];

interface Outcome {
  readonly peer: FakePeer;
  readonly steps: Steps;
  /** What its client must have in the end. */
  readonly wanted: (text: string) => boolean;
}

/** A response of a server to this client, in pieces of so many bytes. */
function relayed(work: Work, mark: string, pieces: readonly number[], chunked: boolean): Outcome {
  const peer = FakePeer.connected();
  const response = responseWriter(work, peer);
  const body = pieces.map((size) => mark.repeat(size));
  const length = body.join('').length;
  const lines = ['HTTP/1.1 200 OK', `X-Mark: ${mark}`, 'Date: now', ...(chunked ? [] : [`Content-Length: ${length}`])];
  const bytes = Buffer.from([...lines, '', body.join('')].join('\r\n'));
  const head = new ResponseHead(wideLimits);
  const respond = (): void => {
    head.read(bytes, 0, bytes.length);
    response.begin(Method.get, 1, true);
    response.sendHead(head, new Splice(), chunked ? -1 : length);
  };
  let p = bytes.length - length;
  const data = body.map((text) => () => {
    response.sendData(bytes, p, p + text.length);
    p += text.length;
  });
  const end = chunked ? '0\r\n\r\n' : '';
  const wanted = (text: string): boolean => {
    const from = text.indexOf('\r\n\r\n') + 4;
    const said = text.slice(from);
    const plain = chunked ? said.replace(/[0-9a-f]+\r\n([^\r]*)\r\n/g, '$1').replace(/\r\n$/, '') : said;
    return (
      text.startsWith('HTTP/1.1 200 OK') &&
      text.includes(`X-Mark: ${mark}`) &&
      plain === body.join('') &&
      said.endsWith(end)
    );
  };
  return { peer, steps: [respond, ...data, () => response.finish(null)], wanted };
}

/** An response of our own, and one that is broken off after its head. */
function refused(work: Work): Outcome {
  const peer = FakePeer.connected();
  const response = responseWriter(work, peer);
  response.begin(Method.get, 1, true);
  const wanted = (text: string): boolean => /^HTTP\/1\.1 502 [\s\S]*Limpet-Reason: closed-early\r\n/.test(text);
  return { peer, steps: [() => response.sendFault(serverFaults.closedEarly, null)], wanted };
}

function broken(work: Work, mark: string): Outcome {
  const { peer, steps } = relayed(work, mark, [3], false);
  const response = responseWriter(work, peer);
  return {
    peer,
    steps: [steps[0]!, () => response.reset()],
    wanted: (text) => text === '' || text.includes(`X-Mark: ${mark}`),
  };
}

test('each client gets its own response, and all of it', () => {
  const kinds = fc.constantFrom('relayed', 'chunked', 'refused', 'broken');
  const pieces = fc.array(fc.constantFrom(1, 40, 900, 3000, 20_000), { maxLength: 3 });
  const clients = fc.array(fc.record({ kind: kinds, pieces }), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(clients, fc.array(fc.nat(4), { maxLength: 30 }), (answers, order) => {
      const work = createWork();
      const responses = answers.map(({ kind, pieces: sizes }, i) => {
        const mark = `<${String.fromCharCode(97 + i)}>`;
        if (kind === 'refused') return refused(work);
        return kind === 'broken' ? broken(work, mark) : relayed(work, mark, sizes, kind === 'chunked');
      });
      for (const i of order) responses[i % responses.length]!.steps.shift()?.();
      for (const { steps } of responses) for (const step of steps) step();
      for (const { peer, wanted } of responses) expect(wanted(peer.received), peer.received).toBe(true);
    }),
    { numRuns: 500 },
  );
});
