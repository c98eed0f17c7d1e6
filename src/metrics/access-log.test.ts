import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessRecord as record } from '../../test/support/access-record.ts';
import { HandTime } from '../../test/support/hand-time.ts';
import { AccessLog, type ExchangeRecord, everyExchange, formatJson, formatText } from './access-log.ts';

/** A request that was refused before there was anything to know of it. */
const bare: ExchangeRecord = {
  ...record,
  method: '',
  target: '',
  host: '',
  version: '',
  status: 400,
  pool: '',
  server: '',
  session: '',
  epoch: 0,
  retries: 0,
  queueMs: -1,
  connectMs: -1,
  responseMs: -1,
  totalMs: 0.2,
  fault: 'bad-request-line',
  requestFlag: 'U',
};

describe('text', () => {
  test('is one line of fifteen fields', () => {
    expect(formatText(record)).toBe(
      '2026-03-01T12:00:00.123Z 192.0.2.7 127.0.0.1:8080 shop.example "GET /cart?id=1 HTTP/1.1" 200 412/2048 ' +
        'shop/s1 3f2a9c01#2 VN 0/0.4/3.1/12 1 -',
    );
  });

  test('has a dash for what there is not', () => {
    expect(formatText(bare)).toBe(
      '2026-03-01T12:00:00.123Z 192.0.2.7 127.0.0.1:8080 - "- - -" 400 412/2048 -/- -#0 UN -/-/-/0.2 0 bad-request-line',
    );
  });

  test.each([
    ['/a" 200 0/0 "', '/a\\x22\\x20200\\x200/0\\x20\\x22'],
    ['/\r\n2026', '/\\x0d\\x0a2026'],
    ['/\x1b[31m\x9b2J', '/\\x1b[31m\\x9b2J'],
    ['/\\x22', '/\\x5cx22'],
    ['/caf\xc3\xa9\u2028', '/caf\\xc3\\xa9\\u2028'],
  ])('%j is written as %s', (target, written) => {
    expect(formatText({ ...record, target })).toContain(`"GET ${written} HTTP/1.1"`);
  });
});

test('the time is that of the clock, in whatever order lines come', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 0, max: 2000 }), (time, later) => {
      for (const ms of [time, time + later, time]) {
        expect(formatText({ ...record, time: ms }).split(' ')[0]).toBe(new Date(ms).toISOString());
      }
    }),
  );
});

describe('JSON', () => {
  test('is one object with null for what there is not', () => {
    expect(JSON.parse(formatJson(record))).toEqual({
      time: '2026-03-01T12:00:00.123Z',
      client: '192.0.2.7',
      listener: '127.0.0.1:8080',
      host: 'shop.example',
      method: 'GET',
      target: '/cart?id=1',
      version: 'HTTP/1.1',
      status: 200,
      bytesIn: 412,
      bytesOut: 2048,
      pool: 'shop',
      server: 's1',
      session: '3f2a9c01',
      epoch: 2,
      flags: 'VN',
      queueMs: 0,
      connectMs: 0.4,
      responseMs: 3.1,
      totalMs: 12,
      retries: 1,
      fault: null,
    });
    expect(JSON.parse(formatJson(bare))).toMatchObject({
      ...{ method: null, target: null, host: null, version: null, pool: null, server: null, session: null },
      ...{ queueMs: null, connectMs: null, responseMs: null, totalMs: 0.2, fault: 'bad-request-line' },
    });
  });
});

describe('whatever a client sends', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('"', '\\', ' ', '\n', '\r', '\x1b', '\x9b', '\x7f', 'a', '\u2028', '\ud800') }),
  );

  test('a text line keeps its fifteen fields of printable ASCII', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (target, host, method) => {
        const line = formatText({ ...record, target, host, method });
        expect(line).toMatch(/^[\x20-\x7e]*$/);
        expect(line.split('"')).toHaveLength(3);
        expect(line.split(' ')).toHaveLength(15);
      }),
    );
  });

  test('a JSON line is printable ASCII and gives back what was sent', () => {
    fc.assert(
      fc.property(hostile, hostile, (target, host) => {
        const line = formatJson({ ...record, target, host });
        expect(line).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.parse(line)).toMatchObject({ target: target || null, host: host || null });
      }),
    );
  });
});

describe('batches', () => {
  function open() {
    const time = new HandTime();
    const written: string[] = [];
    const unread: (() => void)[] = [];
    const dropped: number[] = [];
    const write = (lines: string, done: () => void) => {
      written.push(lines);
      unread.push(done);
    };
    const lost = (lines: number) => dropped.push(lines);
    const open = (sampling = everyExchange) =>
      new AccessLog({ format: formatText, readsAgent: false }, write, time, lost, sampling);
    return { time, written, unread, dropped, log: open(), open };
  }

  test('one write for all lines of 100 ms', () => {
    const { time, written, log } = open();
    log.record(record);
    time.advance(99);
    log.record(bare);
    expect(written).toEqual([]);
    time.advance(1);
    expect(written).toEqual([`${formatText(record)}\n${formatText(bare)}\n`]);
    time.advance(1000);
    expect([written.length, time.pending]).toEqual([1, 0]);
    log.record(record);
    time.advance(100);
    expect(written).toHaveLength(2);
  });

  test('no more than 64 KiB wait, and the timer begins anew after them', () => {
    const { time, written, log } = open();
    const line = formatText(record).length + 1;
    const lines = Math.ceil((64 * 1024) / line);
    for (let i = 1; i < lines; i++) log.record(record);
    expect(written).toEqual([]);
    time.advance(99);
    log.record(record);
    expect(written.map((batch) => batch.length)).toEqual([lines * line]);
    expect(time.pending).toBe(0);
    log.record(record);
    time.advance(99);
    expect(written).toHaveLength(1);
    time.advance(1);
    expect(written).toHaveLength(2);
  });

  test('when nobody reads, 4 MiB wait, and lines beyond are dropped and counted; then it goes on', () => {
    const { written, unread, dropped, log } = open();
    const most = 4 * 1024 * 1024;
    const line = formatText(record).length + 1;
    const lines = Math.ceil((2 * most) / line);
    for (let n = 0; n < lines; n++) log.record(record);
    log.flush();
    const kept = written.join('').length;
    expect(kept).toBeLessThanOrEqual(most);
    expect(kept).toBeGreaterThan(most - 32 * 1024);
    expect(dropped.reduce((sum, count) => sum + count, 0)).toBe(lines - kept / line);
    for (const done of unread.splice(0)) done();
    const before = [written.length, dropped.length];
    log.record(record);
    log.flush();
    expect([written.length, dropped.length]).toEqual([before[0]! + 1, before[1]]);
  });

  test('flush writes at once, and nothing when there is nothing', () => {
    const { time, written, log } = open();
    log.flush();
    expect(written).toEqual([]);
    log.record(record);
    log.flush();
    log.flush();
    expect([written.length, time.pending]).toEqual([1, 0]);
  });

  test('of a sample have its share, and all that failed', () => {
    const { written, open: openLog } = open();
    let turn = 0;
    const log = openLog({ share: 0.25, random: () => (turn++ % 4) / 4 });
    for (let n = 0; n < 8; n++) log.record({ ...record, target: `/${n}` });
    log.record({ ...record, target: '/failed', status: 502 });
    log.record({ ...record, target: '/gone', status: 0, fault: 'client-gone' });
    log.flush();
    const targets = Array.from(written.join('').matchAll(/"GET (\S+) /g), ([, target]) => target);
    expect(targets).toEqual(['/0', '/4', '/failed', '/gone']);
  });

  test('keep nothing of the record: it may be filled anew', () => {
    const { written, log } = open();
    const reused = { ...record };
    log.record(reused);
    reused.target = '/other';
    log.flush();
    expect(written).toEqual([`${formatText(record)}\n`]);
  });
});
