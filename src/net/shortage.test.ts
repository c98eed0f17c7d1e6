/** Whose fault an error of a connection is, errno by errno (connect(2), socket(2), unix(7)). */
import { describe, expect, test } from 'vitest';
import { shortageOf, trueCause } from './shortage.ts';

function coded(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

/** What each says of TCP and of a unix-domain socket: true when it is this machine that lacks something. */
const table: readonly (readonly [code: string, tcp: boolean, unix: boolean])[] = [
  ['EMFILE', true, true],
  ['ENFILE', true, true],
  ['EADDRNOTAVAIL', true, true],
  ['EADDRINUSE', true, true],
  ['ENOBUFS', true, true],
  ['ENOMEM', true, true],
  ['ENOSPC', true, true],
  // The server's own backlog is full.
  ['EAGAIN', true, false],
  ['ECONNREFUSED', false, false],
  ['ECONNRESET', false, false],
  ['ETIMEDOUT', false, false],
  ['EHOSTUNREACH', false, false],
  ['ENETUNREACH', false, false],
  ['EACCES', false, false],
  ['EPERM', false, false],
  ['ENOENT', false, false],
  ['ENOTFOUND', false, false],
  ['EAI_AGAIN', false, false],
];

describe('shortageOf', () => {
  test.each(table)('%s: TCP %s, unix %s', (code, tcp, unix) => {
    expect(shortageOf(coded(code), 'tcp') !== null).toBe(tcp);
    expect(shortageOf(coded(code), 'unix') !== null).toBe(unix);
  });

  test('an error without a code says nothing of this machine', () => {
    expect(shortageOf(new Error('no'), 'tcp')).toBeNull();
  });

  test('a name with several addresses: every one has to have failed for a lack', () => {
    const mixed = Object.assign(new AggregateError([coded('EADDRNOTAVAIL'), coded('ECONNREFUSED')]), {
      code: 'EADDRNOTAVAIL',
    });
    expect(shortageOf(mixed, 'tcp')).toBeNull();
    expect(shortageOf(new AggregateError([coded('EMFILE'), coded('EMFILE')]), 'tcp')).toContain('ulimit -n');
  });
});

describe('trueCause', () => {
  test('an error is what it says while descriptors can be had', () => {
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']) {
      const error = coded(code);
      expect(trueCause(error, ['ECONNREFUSED'])).toBe(error);
    }
  });
});
