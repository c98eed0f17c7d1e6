/** Server-sent events, however the bytes are cut. */
import { expect, test } from 'vitest';
import { EventStreamParser } from './event-stream.ts';

const stream =
  ': hello\n\nid: 7\nevent: server.down\ndata: {"id":7,\ndata: "a":1}\n\nid: 8\r\ndata:x\r\n\r\nretry: 5\n\ndata: y\n\n';
const messages = [
  { id: '7', data: '{"id":7,\n"a":1}' },
  { id: '8', data: 'x' },
  { id: '8', data: 'y' },
];

test('in one piece, and cut at every place', () => {
  expect(new EventStreamParser().read(stream)).toEqual(messages);
  for (let cut = 1; cut < stream.length; cut++) {
    const parser = new EventStreamParser();
    const got = [...parser.read(stream.slice(0, cut)), ...parser.read(stream.slice(cut))];
    expect(got, `cut at ${cut}`).toEqual(messages);
  }
});

test('byte by byte', () => {
  const parser = new EventStreamParser();
  expect([...stream].flatMap((char) => parser.read(char))).toEqual(messages);
});
