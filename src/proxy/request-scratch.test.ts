/** One parsed head for all requests of a listener: it says whose it is, and a request whose head was replaced parses its own again. */
import { expect, test } from 'vitest';
import { wideLimits } from '../../test/support/heads.ts';
import { RequestScratch } from './request-scratch.ts';

const head = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
const pathOf = ({ head: { bytes, pathStart, pathEnd } }: RequestScratch): string =>
  bytes.toString('latin1', pathStart, pathEnd);

test('a head that was just read is nobody’s, and then who it is assigned to', () => {
  const scratch = new RequestScratch(wideLimits);
  const [one, other] = [{}, {}];
  scratch.readNew(head('/one'), 0);
  expect([scratch.isHeldBy(one), scratch.isHeldBy(other)]).toEqual([false, false]);
  scratch.assign(one);
  expect([scratch.isHeldBy(one), scratch.isHeldBy(other)]).toEqual([true, false]);
});

test('the holder does not parse its head again, and keeps its edits', () => {
  const scratch = new RequestScratch(wideLimits);
  const one = {};
  scratch.readNew(head('/one'), 0);
  scratch.assign(one);
  // These bytes would be another head: they are not looked at.
  expect(scratch.reread(one, head('/not-this'), 0)).toBe(scratch.head);
  expect([pathOf(scratch), scratch.isHeldBy(one)]).toEqual(['/one', true]);
});

test('whose head was replaced parses its own bytes again, and its edits are to be made anew', () => {
  const scratch = new RequestScratch(wideLimits);
  const [one, other] = [{}, {}];
  const bytes = Buffer.concat([Buffer.from('....'), head('/one')]);
  scratch.readNew(bytes, 4);
  scratch.assign(one);
  scratch.readNew(head('/other'), 0);
  scratch.assign(other);
  scratch.reread(one, bytes, 4);
  expect([pathOf(scratch), scratch.isHeldBy(one), scratch.isHeldBy(other)]).toEqual(['/one', false, false]);
});

test('the end of one request does not take the head from another', () => {
  const scratch = new RequestScratch(wideLimits);
  const [one, other] = [{}, {}];
  scratch.readNew(head('/other'), 0);
  scratch.assign(other);
  scratch.release(one);
  expect(scratch.isHeldBy(other)).toBe(true);
  scratch.release(other);
  expect(scratch.isHeldBy(other)).toBe(false);
});

test('a head whose bytes never change is parsed once, unless another one comes in between', () => {
  const scratch = new RequestScratch(wideLimits);
  const [one, lasting] = [{}, head('/one')];
  expect(scratch.readLasting(lasting)).toBe(lasting.length);
  scratch.assign(one);
  expect([scratch.readLasting(lasting), pathOf(scratch), scratch.isHeldBy(one)]).toEqual([
    lasting.length,
    '/one',
    false,
  ]);
  for (const read of [() => scratch.readNew(head('/other'), 0), () => scratch.readLasting(head('/other'))]) {
    read();
    expect(pathOf(scratch)).toBe('/other');
    scratch.readLasting(lasting);
    expect(pathOf(scratch)).toBe('/one');
  }
  scratch.readLasting(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  expect(scratch.head.fault).not.toBeNull();
});
