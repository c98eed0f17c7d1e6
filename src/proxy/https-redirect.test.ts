import { describe, expect, test } from 'vitest';
import { readRequest } from '../../test/support/heads.ts';
import { HttpsRedirect } from './https-redirect.ts';

const locationOf = (port: number, text: string) =>
  new HttpsRedirect(
    () => null,
    () => port,
  ).locationOf(readRequest(text));
const ask = (target: string, host: string) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

describe('the same URL under https', () => {
  test.each([
    [443, ask('/', 'a.example'), 'https://a.example/'],
    [443, ask('/a%2fb//..?c=d&e', 'A.Example:8080'), 'https://a.example/a%2fb//..?c=d&e'],
    [8443, ask('/', 'a.example:80'), 'https://a.example:8443/'],
    [443, ask('//evil.example/x', 'a.example'), 'https://a.example//evil.example/x'],
    [443, ask('/', 'a_b.example.'), 'https://a_b.example./'],
    [8443, ask('/', '10.0.0.1'), 'https://10.0.0.1:8443/'],
    [8443, ask('/', '[2001:DB8::1]:80'), 'https://[2001:db8::1]:8443/'],
    [443, ask('http://a.example:80/x', 'other'), 'https://a.example/x'],
    [443, ask('http://a.example?x', 'other'), 'https://a.example/?x'],
    [443, 'OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n', 'https://a.example/'],
    [443, 'GET /x HTTP/1.0\r\nHost: a.example\r\n\r\n', 'https://a.example/x'],
  ])('port %i of %j', (port, text, location) => expect(locationOf(port, text)).toBe(location));
});

describe('no URL is made of a host that is none', () => {
  test.each([
    ['a.example%2f.evil.example', 'bad-host'],
    ['%61.example', 'bad-host'],
    ['a~b', 'bad-host'],
    ['.', 'bad-host'],
    ['a..b', 'bad-host'],
    ['-a.example', 'bad-host'],
    ['a-.example', 'bad-host'],
    [`${'a'.repeat(300)}.example`, 'bad-host'],
    [`${'a.'.repeat(127)}example:80`, 'bad-host'],
  ])('%s', (host, code) => expect(locationOf(443, ask('/', host))).toMatchObject({ code, status: 400 }));

  test('HTTP/1.0 without Host', () =>
    expect(locationOf(443, 'GET / HTTP/1.0\r\n\r\n')).toMatchObject({ code: 'host-missing' }));

  test('however it repeats, in one pass', () => {
    const host = `${'a-'.repeat(30_000)}`;
    expect(locationOf(443, ask('/', host))).toMatchObject({ code: 'bad-host' });
  });
});
