import { expect, test } from 'vitest';
import { ExpiryLog } from './expiry.ts';
import { TicketKeys } from './ticket-keys.ts';

const day = 86_400_000;
const until = Date.UTC(2030, 0, 31);
const info = { field: 'f', file: 'a.crt', names: ['a', 'b', 'c'], fingerprint: 'x', notAfterMs: until };

test('30, 7 and 1 days before its end, once each', () => {
  const warned: string[] = [];
  const log = new ExpiryLog((message) => warned.push(message));
  for (let hours = 31 * 24; hours > -48; hours--) log.check([info], until - hours * 3_600_000);
  const end = '(2030-01-31T00:00:00Z)';
  expect(warned).toEqual([
    `the certificate a.crt (a, b and 1 more) expires in 30 days ${end}`,
    `the certificate a.crt (a, b and 1 more) expires in 7 days ${end}`,
    `the certificate a.crt (a, b and 1 more) expires in 1 days ${end}`,
  ]);
});

test('at the start only the nearest of them, and again for the next certificate', () => {
  const warned: string[] = [];
  const log = new ExpiryLog((message) => warned.push(message.replace(/ \(2.*/, '')));
  log.check([info], until - 2 * day);
  log.check([{ ...info, fingerprint: 'y', notAfterMs: until + 90 * day }], until - 2 * day);
  log.check([{ ...info, fingerprint: 'z', names: [] }], until - day / 2);
  expect(warned).toEqual([
    'the certificate a.crt (a, b and 1 more) expires in 2 days',
    'the certificate a.crt expires in less than a day',
  ]);
});

test('keys of tickets are the same for a period, and for all nodes with the same keys', () => {
  const hours = 3_600_000;
  const key = Buffer.alloc(32, 1);
  const [a, b] = [new TicketKeys(), new TicketKeys()];
  expect(a.at(0, [key])).toEqual(b.at(8 * hours - 1, [key, Buffer.alloc(32, 2)]));
  expect(a.at(0, [key])).not.toEqual(a.at(8 * hours, [key]));
  expect(a.at(0, [key])).not.toEqual(a.at(0, [Buffer.alloc(32, 2)]));
  expect(a.at(0, [])).toEqual(a.at(8 * hours - 1, []));
  expect(a.at(0, [])).not.toEqual(b.at(0, []));
  expect(a.at(0, [])).not.toEqual(a.at(8 * hours, []));
  expect(a.at(0, [])).toHaveLength(48);
});
