/** Requests as they are written: chunks, few writes, and those of one loop turn together. */
import { describe, expect, test } from 'vitest';
import { FakePeer } from '../../../test/support/fake-net.ts';
import { noBody } from '../../../test/support/stage-server.ts';
import { HeadWriter } from '../../http/writer.ts';
import { RequestWriter } from './h1-request-writer.ts';
import { RequestBatch } from './request-batch.ts';

const head = 'POST / HTTP/1.1\r\n\r\n';

function stage() {
  const turns: (() => void)[] = [];
  const peer = FakePeer.connected();
  const writes: string[] = [];
  const write = peer.write.bind(peer);
  peer.write = (chunk) => {
    writes.push(Buffer.from(chunk).toString('latin1'));
    return write(chunk);
  };
  const batch = new RequestBatch({ afterTurn: (run) => void turns.push(run) });
  const writer = new RequestWriter(peer, batch);
  const out = new HeadWriter(256);
  out.text(head);
  const endTurn = () => turns.splice(0).forEach((run) => void run());
  return { peer, writes, batch, writer, out, endTurn };
}

const pieces = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

describe('a body', () => {
  test('of known length: what has come leaves with the head, the rest as it comes', () => {
    const { writer, writes, out } = stage();
    writer.begin(false);
    writer.send(out, { held: pieces('abc', 'def'), ended: false, trailers: null });
    expect([writes, writer.isComplete]).toEqual([[`${head}abcdef`], false]);
    writer.sendData(Buffer.from('ghi'), out);
    writer.finish(null, out);
    expect([writes, writer.isComplete]).toEqual([[`${head}abcdef`, 'ghi'], true]);
  });

  test('in chunks, and its end with trailers', () => {
    const { writer, writes, out } = stage();
    writer.begin(true);
    writer.send(out, { held: pieces('abc'), ended: false, trailers: null });
    writer.sendData(Buffer.from('0123456789abcdef'), out);
    writer.finish(Buffer.from('X-Sum: 1\r\n'), out);
    expect(writes).toEqual([`${head}3\r\nabc\r\n`, '10\r\n0123456789abcdef\r\n', '0\r\nX-Sum: 1\r\n\r\n']);
  });

  test('that is complete leaves in one write, its end included', () => {
    const { writer, writes, out } = stage();
    writer.begin(true);
    writer.send(out, { held: pieces('abc'), ended: true, trailers: null });
    expect([writes, writer.isComplete]).toEqual([[`${head}3\r\nabc\r\n0\r\n\r\n`], true]);
  });

  test('a large piece of it is not copied', () => {
    const { writer, writes, out } = stage();
    const large = 'x'.repeat(40_000);
    writer.begin(false);
    writer.send(out, { held: pieces('abc', large), ended: true, trailers: null });
    expect(writes).toEqual([`${head}abc`, large, '']);
  });

  test('a server that takes nothing: told so', () => {
    const { peer, writer, out } = stage();
    peer.slow = true;
    writer.begin(false);
    expect(writer.send(out, { held: [], ended: false, trailers: null })).toBe(false);
    expect(writer.sendData(Buffer.from('abc'), out)).toBe(false);
    peer.drain();
    expect(writer.sendData(Buffer.from('abc'), out)).toBe(true);
  });
});

describe('requests of one loop turn', () => {
  function gather(isOpen: boolean) {
    const stageOf = stage();
    const { writer } = stageOf;
    const connection = { writeGathered: () => writer.writeGathered(isOpen) };
    writer.begin(false);
    for (const path of ['/1', '/2']) {
      const gathered = writer.gather(connection);
      gathered.text(`GET ${path} HTTP/1.1\r\n\r\n`);
      writer.appendBody(noBody, gathered);
    }
    return stageOf;
  }

  test('leave in one write when it ends', () => {
    const { writer, writes, endTurn } = gather(true);
    expect([writes, writer.isUnwritten, writer.isComplete]).toEqual([[], true, true]);
    endTurn();
    expect([writes, writer.isUnwritten]).toEqual([['GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n'], false]);
  });

  test('do not leave on a connection that has ended meanwhile; the writer is used again', () => {
    const { batch, writer, writes, endTurn } = gather(false);
    endTurn();
    expect([writes, writer.isUnwritten, batch.takeWriter().length]).toEqual([[], false, 0]);
  });
});
