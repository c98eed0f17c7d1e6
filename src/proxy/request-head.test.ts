import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRequest, textOf } from '../../test/support/heads.ts';
import { hideKey } from '../affinity/key.ts';
import { Splice } from '../http/splice.ts';
import { HeadWriter } from '../http/writer.ts';
import { editRequest } from './request-head.ts';

/** The request line as a server gets it when the parameter `force` is hidden; `hideFirst`: before the target is rewritten. */
function lineOf(method: string, target: string, minor = 1, hideFirst = true): string {
  const head = readRequest(`${method} ${target} HTTP/1.${minor}\r\nHost: a\r\n\r\n`);
  const [edit, out] = [new Splice(), new HeadWriter(16)];
  const hide = () => hideKey(head, { from: 'query', name: 'force' }, edit);
  if (hideFirst) hide();
  editRequest(head, edit, false);
  if (!hideFirst) hide();
  edit.write(head.bytes, head.methodStart, head.headers.end, out);
  return textOf(out).split('\r\n', 1)[0]!;
}

test.each([
  ['GET', 'http://a/x?force=t&y=1', '/x?y=1'],
  ['GET', 'http://a/x?y=1&force=t', '/x?y=1'],
  ['GET', 'http://a/x?force=t', '/x'],
  ['GET', 'http://a?force=t', '/'],
  ['GET', 'http://a?force=t&y=1', '/?y=1'],
  ['GET', 'http://a', '/'],
  ['OPTIONS', 'http://a', '*'],
  ['OPTIONS', 'http://a?force=t', '/'],
  ['GET', '/x?force=t&y=1', '/x?y=1'],
])(
  '%s %s: what is hidden in the target stays hidden when absolute-form becomes origin-form',
  (method, target, left) => {
    for (const minor of [0, 1, 2, 9])
      for (const first of [true, false])
        expect(lineOf(method, target, minor, first)).toBe(`${method} ${left} HTTP/1.1`);
  },
);

test('in absolute-form the same is hidden as in origin-form', () => {
  const pair = fc.constantFrom('force=t', 'force', '%66orce=t', 'force=', 'y=1', 'z', '', 'forced=1', 'a=force');
  fc.assert(
    fc.property(fc.constantFrom('/', '/a', '/a/b;c=d', '//x'), fc.array(pair, { maxLength: 6 }), (path, pairs) => {
      const target = pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
      expect(lineOf('GET', `http://a${target}`)).toBe(lineOf('GET', target));
    }),
  );
});
