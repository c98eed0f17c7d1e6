import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRequest } from '../../test/support/heads.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { LearnedId, Recognition } from './affinity.ts';
import { SocketIoAffinity } from './socket-io.ts';

const now = 1_800_000_000;
const names = new Fingerprints(Buffer.alloc(16, 'n'));
const sid = 'lv_VI97HAXpY6yYWAAAC';
const client = { clientAddress: '1.2.3.4', clientSecure: false };

const affinityOf = (path = '/socket.io/') =>
  new SocketIoAffinity({ type: 'socket.io', path, idle: 0, absolute: 0 }, { names, lifetime: 3 });

function recognise(target: string, { method = 'GET', path = '/socket.io/' } = {}) {
  const affinity = affinityOf(path);
  const recognition = new Recognition();
  const found = affinity.recognise(
    readRequest(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
    client,
    now,
    recognition,
  );
  expect([recognition.recognised, recognition.reader === null || recognition.reader === affinity]).toEqual([
    found,
    true,
  ]);
  return { found, reads: recognition.reader !== null, recognition };
}

function sidOf(target: string): [number, number] {
  const { sid0, sid1 } = recognise(target).recognition;
  return [sid0, sid1];
}

test.each<[string, boolean, boolean]>([
  [`/socket.io/?EIO=4&transport=polling&t=x&sid=${sid}`, true, false],
  [`/socket.io?EIO=4&transport=websocket&sid=${sid}`, true, false],
  ['/socket.io/?EIO=4&transport=polling&t=x', false, true],
  ['/socket.io/?EIO=3&transport=polling&j=0&sid=', false, true],
  ['/socket.io/?EIO=4&transport=websocket', false, false],
  ['/socket.io/?transport=polling', false, false],
  ['/socket.io/?EIO=4&transport=pollingx', false, false],
  [`/socket.iox/?EIO=4&transport=polling&sid=${sid}`, false, false],
  [`/x/socket.io/?sid=${sid}`, false, false],
  [`/socket?sid=${sid}`, false, false],
])('%s', (target, found, reads) => {
  expect(recognise(target)).toMatchObject({ found, reads });
});

test('only a GET is a handshake; the path may be another', () => {
  expect(recognise('/socket.io/?EIO=4&transport=polling', { method: 'OPTIONS' }).reads).toBe(false);
  expect(recognise(`/?sid=${sid}`, { path: '/' }).found).toBe(true);
  expect(recognise(`/a/b/?sid=${sid}`, { path: '/a' }).found).toBe(true);
});

const json = `{"sid":"${sid}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`;
const bodies = [
  `0${json}`,
  `97:0${json}`,
  `\0\x09\x07\xff0${json}`,
  `___eio[0](${JSON.stringify(`0${json}`)});`,
  `___eio[12](${JSON.stringify(`97:0${json}2:40`)});`,
  `___eio[0](${JSON.stringify(`0{"a":"\\"x\\\\","sid":"${sid}"}`)});`,
  `0${json}\x1e40{"sid":"another"}`,
  `0{ "upgrades" : ["sid", {"sid":"inner"}], "x":"sid", "a":"\\"sid\\":\\"b\\"", "sid" : "${sid}" }`,
];

test.each(bodies)('the sid of %j is learned as soon as it is there, byte by byte', (body) => {
  const whole = Buffer.from(body, 'latin1');
  const end = body.lastIndexOf(sid) + sid.length;
  for (let n = 0; n <= whole.length; n++) {
    const learned = new LearnedId();
    const done = affinityOf().learnBody(whole.subarray(0, n), now, learned);
    if (n < end) expect([n, done, learned.state]).toEqual([n, false, 'nothing']);
    if (n > end + 1) expect([n, done, learned.state]).toEqual([n, true, 'named']);
  }
  const learned = new LearnedId();
  expect(affinityOf().learnBody(whole, now, learned)).toBe(true);
  expect([learned.sid0, learned.sid1]).toEqual(sidOf(`/socket.io/?sid=${sid}`));
});

test.each([
  '<html>',
  '{"sid":"a"}',
  '4{"sid":"a"}',
  '0[',
  '97;0{',
  ':0{',
  '\x1f\x8b\x08',
  '\0\x09\xfe',
  '___eio[0]("4{',
  '___eix',
  '0{"sid":7}',
  '0{"sid":""}',
  '0{"sid":null,',
  '0{"sid":"a b"}',
  '0{"sid":["a"]}',
  '0{"code":0}',
  '0{}',
  `0{"sid":"${'a'.repeat(129)}"}`,
  `0{"x":"${'a'.repeat(1020)}","sid":"a"}`,
])('%j names no session', (body) => {
  const learned = new LearnedId();
  expect(affinityOf().learnBody(Buffer.from(body, 'latin1'), now, learned)).toBe(true);
  expect(learned).toEqual(new LearnedId());
});

test('it never throws, and gives up at 1024 bytes whatever they are', () => {
  const rest = fc.uint8Array({ minLength: 1024, maxLength: 1100 });
  fc.assert(
    fc.property(fc.constantFrom('', '0{', '0{"sid":"', '1', '\0', '___eio[', '___eio[0]("0{'), rest, (start, bytes) => {
      const text = Buffer.concat([Buffer.from(start, 'latin1'), bytes]);
      expect(affinityOf().learnBody(text, now, new LearnedId())).toBe(true);
    }),
  );
  expect(affinityOf().learnBody(Buffer.alloc(1023, '1'), now, new LearnedId())).toBe(false);
  expect(affinityOf().learnBody(Buffer.alloc(1024, '1'), now, new LearnedId())).toBe(true);
});
