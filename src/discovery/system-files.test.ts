import { expect, test } from 'vitest';
import { parseHosts, parseResolvConf } from './system-files.ts';

test('resolv.conf', () => {
  const text = `
# a comment
nameserver 10.0.0.1   ; and another
nameserver fe80::1%eth0
nameserver example.org
nameserver ::1
nameserver 10.0.0.4
domain old.test
search A.test. b.test
options timeout:1 ndots:5 edns0
`;
  expect(parseResolvConf(text)).toEqual({
    servers: ['10.0.0.1', 'fe80::1%eth0', '::1'].map((host) => ({ kind: 'tcp', host, port: 53 })),
    search: ['a.test', 'b.test'],
    ndots: 5,
  });
  expect(parseResolvConf('options ndots:99 ndots:x\nsearch .')).toEqual({ servers: [], search: [], ndots: 15 });
  expect(parseResolvConf('')).toEqual({ servers: [], search: [], ndots: 1 });
});

test('hosts', () => {
  const text =
    '127.0.0.1\tlocalhost App # x\n::1 localhost\n10.0.0.1 app app\n10.0.0.2 a.b app#c\nnonsense d\n\n10.0.0.3\n::ffff:10.0.0.2 a.b';
  expect(Object.fromEntries(parseHosts(text))).toEqual({
    localhost: ['127.0.0.1', '::1'],
    app: ['127.0.0.1', '10.0.0.1', '10.0.0.2'],
    'a.b': ['10.0.0.2'],
  });
});
