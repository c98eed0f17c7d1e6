import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sessionOf } from '../../test/support/session.ts';
import type { Affinity } from '../affinity/affinity.ts';
import type { CookieAttributes } from '../http/session-cookie.ts';
import { SessionHeader } from './session-header.ts';
import { formatId } from './session-id.ts';

const storeOf = (slot: number) => `http://127.0.0.1:4000/v1/${slot}`;
const textOf = ({ bytes, length }: SessionHeader) => bytes.toString('latin1', 0, length);
const uint = fc.integer({ min: 0, max: 0xffff_ffff });

test('says what there is, digit by digit', () => {
  const line = new SessionHeader('shop', storeOf, '');
  fc.assert(
    fc.property(
      fc.tuple(uint, uint, uint, uint, uint, uint),
      fc.constantFrom('new', 'held', 'rebind', 'move'),
      fc.integer({ min: 1, max: 16_383 }),
      ([sid0, sid1, sid2, sid3, epoch, version], reason, slot) => {
        const session = sessionOf({ sid0, sid1, sid2, sid3, epoch }, { version, reason });
        line.fill(session, slot, 'life-1', 1000);
        const id = formatId(session.recognition);
        expect(id).toMatch(/^[0-9a-f]{32}$/);
        expect(textOf(line)).toBe(
          `Limpet-Session: id=${id}; epoch=${epoch}; version=${version}; reason=${reason}; pool=shop; store=${storeOf(slot)}; copy=life-1\r\n`,
        );
      },
    ),
  );
});

test('says how long a state lives by our time, and is signed at the time of the machine', () => {
  const line = new SessionHeader('shop', String, 'x'.repeat(32));
  const sentCopy = { epoch: 1, version: 1, data: Buffer.from('state'), expires: 9_000_000 };
  line.fill(sessionOf({ sid0: 1 }, { sentCopy }), 1, 'a', 6000, 60_000);
  expect(textOf(line)).toMatch(/; ttl=3000; data=\S+; t=60000; sig=/);
});

test('is signed over all before it, anew when anything has changed', () => {
  const secret = 'x'.repeat(32);
  const line = new SessionHeader('p'.repeat(64), (slot) => `unix:/${'s'.repeat(300)}:/v1/${slot}`, secret);
  const session = sessionOf({ sid0: 1, sid1: 2, sid2: 3, sid3: 4, epoch: 5 });
  const seen = new Set<string>();
  const check = (slot: number, copy: string, now: number): void => {
    line.fill(session, slot, copy, now);
    const [, value = '', signature] = /^Limpet-Session: (.*); sig=([0-9a-f]{32})\r\n$/.exec(textOf(line)) ?? [];
    expect(signature).toBe(createHmac('sha256', secret).update(value).digest('hex').slice(0, 32));
    const time = Number(/; t=(\d+)$/.exec(value)?.[1]);
    expect(now - time).toBeGreaterThanOrEqual(0);
    expect(now - time).toBeLessThan(60);
    seen.add(`${signature}`);
  };
  check(1, 'a', 6000);
  check(1, 'a', 6059);
  expect(seen.size).toBe(1);
  check(1, 'a', 6060);
  check(2, 'a', 6060);
  check(2, 'b', 6060);
  session.version = 1;
  check(2, 'b', 6060);
  session.reason = 'held';
  check(2, 'b', 6060);
  session.rotate(9, 2, 3, 4);
  check(2, 'b', 6060);
  expect(seen.size).toBe(7);
});

test('carries a state once, whatever its size, and the next line is without it', () => {
  for (const secret of ['', 'x'.repeat(32)]) {
    const line = new SessionHeader('shop', storeOf, secret);
    for (const size of [0, 10, 3072]) {
      const session = sessionOf({ sid0: 1, sid1: 2, sid2: 3, sid3: 4, epoch: 5 }, { version: 6 });
      line.fill(session, 7, 'life-1', 1000);
      const plain = textOf(line);
      const data = Buffer.alloc(size, 'state of a session ');
      session.sentCopy = { epoch: 5, version: 6, data, expires: 1_060_999 };
      line.fill(session, 7, 'life-1', 1000);
      const [, value = '', carried, signature = ''] =
        /^Limpet-Session: (.*; ttl=60; data=([\w-]*)(?:; t=960)?)(?:; sig=([0-9a-f]{32}))?\r\n$/.exec(textOf(line)) ??
        [];
      expect(Buffer.from(carried ?? '-', 'base64url').equals(data)).toBe(true);
      expect(value).toContain(
        '; version=6; reason=new; pool=shop; store=http://127.0.0.1:4000/v1/7; copy=life-1; ttl=60',
      );
      const right = secret === '' ? '' : createHmac('sha256', secret).update(value).digest('hex').slice(0, 32);
      expect(signature).toBe(right);
      session.sentCopy = null;
      line.fill(session, 7, 'life-1', 1000);
      expect(textOf(line)).toBe(plain);
    }
  }
});

test('says what the app may decide of the cookie, and what was said, under the signature', () => {
  const secret = 'x'.repeat(32);
  const line = new SessionHeader('shop', storeOf, secret);
  const affinity = { allowed: `; allow=idle:60,path:${'p'.repeat(700)}` } as Affinity;
  const signatures = [0, 1, 1, 2].map((tag) => {
    const cookie = tag === 0 ? null : ({ tag } as CookieAttributes);
    const session = sessionOf({ sid0: 1, epoch: 5, affinity, cookie });
    line.fill(session, 1, 'a', 6000);
    const [, value = '', signature] = /^Limpet-Session: (.*); sig=([0-9a-f]{32})\r\n$/.exec(textOf(line)) ?? [];
    const said = tag === 0 ? '' : `; cookie=0000000${tag}`;
    expect(value.endsWith(`; copy=a${affinity.allowed}${said}; t=6000`)).toBe(true);
    expect(signature).toBe(createHmac('sha256', secret).update(value).digest('hex').slice(0, 32));
    return signature;
  });
  expect(new Set(signatures).size).toBe(3);
});
