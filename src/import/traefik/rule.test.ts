import { expect, test } from 'vitest';
import { readRule } from './rule.ts';

/** Hosts, paths and so on of each match in short, and what is lost. */
function read(rule: string): unknown {
  const found = readRule(rule);
  if (typeof found === 'string') return found;
  const matches = found.matches.map(({ host, path, methods, extensions }) =>
    [`${host}${path}`, ...methods, ...extensions.map((one) => `.${one}`)].join(' '),
  );
  return found.lost.length === 0 ? matches : { matches, lost: found.lost };
}

test.each<[rule: string, expected: unknown]>([
  ['Host(`A.example.org`)', ['a.example.org/']],
  ['Host(`a.org`, `b.org`) && PathPrefix(`/x`)', ['a.org/x', 'b.org/x']],
  ['Host("a.org") && (Path(`/x`) || PathPrefix(`/y/`))', ['a.org/x', 'a.org/y/']],
  ['PathPrefix(`/x`) && Method(`get`, `POST`)', ['/x GET POST']],
  ['Method(`GET`) || Method(`POST`)', ['/ GET', '/ POST']],
  ['PathPrefix(`/x`) && PathPrefix(`/x/y`)', ['/x/y']],
  ['PathPrefix(`/x`) && Path(`/x/y`)', ['/x/y']],
  ['Host(`a.org`) && Host(`b.org`)', 'no request can meet it'],
  ['Host(`a.org`) && Host(`b.org`) || Host(`c.org`)', ['c.org/']],
  ['HostRegexp(`^.+\\.example\\.org$`) && Host(`a.example.org`)', ['a.example.org/']],
  ['HostRegexp(`{any:.*}`)', ['/']],
  ['HostRegexp(`{sub:[a-z]+}.example.org`)', ['*.example.org/']],
  ['PathRegexp(`\\.(css|js)$`)', ['/ .css .js']],
  ['PathRegexp(`^/api/.*`)', ['/api/']],
  ['PathRegexp(`^/api/v[0-9]+`)', { matches: [], lost: ['no route can look at PathRegexp(`^/api/v[0-9]+`)'] }],
  ['!!Host(`a.org`)', ['a.org/']],
  [
    '!(Host(`a.org`) && Path(`/x`))',
    { matches: [], lost: ['no route can say !Host(`a.org`)', 'no route can say !Path(`/x`)'] },
  ],
  ['Host(`a.org`) || Header(`X`, `y`)', { matches: ['a.org/'], lost: ['no route can look at Header(`X`, `y`)'] }],
  ['ClientIP(`10.0.0.0/8`)', { matches: [], lost: ['no route can look at ClientIP(`10.0.0.0/8`)'] }],
  ['Path(`/`)', { matches: [], lost: ['a route for the path / alone would take every path'] }],
  ['PathPrefix(`/{id:[0-9]+}`)', { matches: [], lost: ['no route can say the pattern of PathPrefix(`/{id:[0-9]+}`)'] }],
  ['Host(`a.org`', 'found the end, expected a closing parenthesis'],
  ['Host(a.org)', 'found "a.org)", expected a value between backticks or quotes'],
  ['Host:a.org', 'found ":a.org", expected "(" after Host'],
  ['Host(`a.org`) PathPrefix(`/`)', 'found "PathPrefix(`/`)", expected &&, || or the end'],
  ['', 'found the end, expected a condition such as Host(`example.org`)'],
  ['!'.repeat(200), /at most 100 levels/],
  [Array(9).fill('(Path(`/a`) || Path(`/b`))').join('&&'), /more than 256 alternatives/],
])('%s', (rule, expected) => {
  if (expected instanceof RegExp) expect(read(rule)).toMatch(expected);
  else expect(read(rule)).toEqual(expected);
});

test('what is not quite the same is told', () => {
  const changes = (rule: string) => {
    const found = readRule(rule);
    return typeof found === 'string' ? found : found.changes;
  };
  expect(changes('Path(`/x`)')).toEqual(['paths below /x match too']);
  expect(changes('PathPrefix(`/x`)')).toEqual(['prefixes are matched by whole segments: /a/b, not /ab']);
  expect(changes('Host(`a.org`) && PathPrefix(`/`)')).toEqual([]);
  expect(changes('HostRegexp(`^[a-z]+\\.a\\.org$`)')).toEqual(['the pattern became *.a.org, any name below it']);
});
