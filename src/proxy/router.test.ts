import { describe, expect, test } from 'vitest';
import { readRequest } from '../../test/support/heads.ts';
import type { Pool } from './pool.ts';
import { createRouter, type RouteRule } from './router.ts';

/** Routes know their pool by identity alone; here its name is enough. */
function routerOf(...rules: [host: string, path: string][]): (target: string, host?: string) => string {
  const names = new Map<RouteRule['route'], string>();
  const table = rules.map(([host, path]): RouteRule => {
    const route = { pool: {} as Pool, affinity: true };
    names.set(route, `${host}${path}`);
    return { host, path, route };
  });
  const find = createRouter(table);
  return (target, host = 'a') => {
    const route = find(readRequest(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
    return route === null ? 'none' : (names.get(route) ?? 'unknown');
  };
}

describe('by path', () => {
  const route = routerOf(['', '/assets/'], ['', '/api'], ['', '/api2/v1'], ['', '/']);

  test.each([
    ['/', '/'],
    ['/assets/', '/assets/'],
    ['/assets/a.js?x=/api', '/assets/'],
    ['/assets', '/'],
    ['/api', '/api'],
    ['/api/', '/api'],
    ['/api/x', '/api'],
    ['/api?x', '/api'],
    ['/apix', '/'],
    ['/API', '/'],
    ['/api2/v1', '/api2/v1'],
    ['/api2/v10', '/'],
    ['/x/api', '/'],
    ['http://a/api/x', '/api'],
    ['http://a', '/'],
    ['http://a?/api', '/'],
    ['/x?/api', '/'],
  ])('%s goes to %s', (target, expected) => {
    expect(route(target)).toBe(expected);
  });

  test.each([
    ['/assets/../api', '/api'],
    ['/assets/%2e%2e/api', '/api'],
    ['/assets/.%2E/api', '/api'],
    ['/assets/..%2fapi', '/api'],
    ['/assets/..%5Capi', '/api'],
    ['/assets/..\\api', '/api'],
    ['/assets/x/../../api/y', '/api'],
    ['/../../api', '/api'],
    ['/./api/.', '/api'],
    ['//api', '/api'],
    ['/%61pi', '/api'],
    ['/api/..', '/'],
    ['/api/../', '/'],
    ['/assets/.', '/assets/'],
    ['/assets/%2e', '/assets/'],
    ['/api%', '/'],
    ['/api/%zz', '/api'],
    ['/%2561pi', '/'],
  ])('%s is understood as a server would: %s', (target, expected) => {
    expect(route(target)).toBe(expected);
  });
});

describe('by host', () => {
  const route = routerOf(['shop.example.org', '/'], ['*.example.org', '/'], ['[::1]', '/'], ['', '/any']);

  test.each([
    ['shop.example.org', 'shop.example.org/'],
    ['SHOP.Example.ORG', 'shop.example.org/'],
    ['shop.example.org:8080', 'shop.example.org/'],
    ['shop.example.org.', 'shop.example.org/'],
    ['shop.example.org.:80', 'shop.example.org/'],
    ['x.example.org', '*.example.org/'],
    ['x.y.example.org:1', '*.example.org/'],
    ['example.org', 'none'],
    ['.example.org', 'none'],
    ['xexample.org', 'none'],
    ['shop.example.org.evil', 'none'],
    ['[::1]', '[::1]/'],
    ['[::1]:80', '[::1]/'],
    ['[::2]', 'none'],
  ])('%s goes to %s', (host, expected) => {
    expect(route('/', host)).toBe(expected);
  });

  test('host and path both have to match, and the first rule wins', () => {
    expect(route('/any', 'other')).toBe('/any');
    expect(route('/any', 'shop.example.org')).toBe('shop.example.org/');
  });

  test('the authority of an absolute target counts, not Host', () => {
    expect(route('http://x.example.org:80/', 'shop.example.org')).toBe('*.example.org/');
  });
});

test('one rule for everything serves everything', () => {
  const route = routerOf(['', '/']);
  expect([route('/x'), route('http://b'), route('/%2e%2e/')]).toEqual(['/', '/', '/']);
});

test('no rule, no route', () => {
  expect(routerOf()('/')).toBe('none');
});

describe('by method and extension', () => {
  const styles = { pool: {} as Pool, affinity: false };
  const rest = { pool: {} as Pool, affinity: true };
  const find = createRouter([
    { host: '', path: '/', methods: ['GET'], extensions: ['css', 'js'], route: styles },
    { host: '', path: '/', route: rest },
  ]);

  test.each([
    ['GET', '/a.css', true],
    ['GET', '/a.b/c.min.JS?x=.html', true],
    ['GET', '/a%2Ecss', true],
    ['GET', '/a.css;v=1', true],
    ['GET', '/.css', true],
    ['POST', '/a.css', false],
    ['get', '/a.css', false],
    ['GET', '/a.css/', false],
    ['GET', '/a.css/x', false],
    ['GET', '/css', false],
    ['GET', '/a.?x=a.css', false],
    ['GET', '/a.css.map', false],
  ])('%s %s: %s', (method, target, isStyle) => {
    const route = find(readRequest(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`));
    expect(route).toBe(isStyle ? styles : rest);
  });
});
