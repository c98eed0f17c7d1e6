import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { importFixtures } from '../../test/support/import-fixtures.ts';
import { countLines, guessKind, importText, summarise, writeImported } from './import.ts';
import type { Note } from './imported.ts';

describe('whose config it is', () => {
  test.each([
    ['upstream a { server b; }', 'a.txt', 'nginx'],
    ['global\n  daemon\ndefaults\n  mode http\n', 'x', 'haproxy'],
    ['# server {\nbackend b\n  server s 1.2.3.4:80\n', 'x.conf', 'haproxy'],
    ['apiVersion: v1\nkind: Service\n---\nkind: Ingress\n', 'x.yaml', 'ingress'],
    ['kind: HTTPRoute\n', 'x.yaml', 'gateway'],
    ['{ "kind": "Ingress" }', 'x.json', 'ingress'],
    ['gzip on;', 'x.conf', 'nginx'],
    ['http:\n  routers:\n', 'x.yaml', 'traefik'],
    [':80 {\n\treverse_proxy a:1 {\n\t\ttransport http {\n\t\t}\n\t}\n}\n', 'x.conf', 'caddy'],
    ['static_resources:\n  listeners: []\n', 'x.yaml', 'envoy'],
    ['{ "staticResources": {} }', 'x.json', 'envoy'],
    ['a.org {\n}\n', '/etc/caddy/Caddyfile', 'caddy'],
    ['global:\n  sendAnonymousUsage: false\nentryPoints:\n', 'x.yaml', 'traefik'],
    ['[http.routers.a]\n', 'x.toml', 'traefik'],
    ['services:\n  a:\n    labels:\n      - traefik.http.routers.a.rule=x\n', 'x.yml', 'traefik'],
    ['apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\n', 'x.yaml', 'traefik'],
    ['maxconn 5', 'x.cfg', 'haproxy'],
    ['hello', 'x.txt', null],
    ['upstream a { }\nbackend b\n', 'x.txt', null],
    ['upstream a { }\nbackend b\n', 'x.cfg', 'haproxy'],
  ])('%j in %s', (text, file, kind) => expect(guessKind(text, file)).toBe(kind));

  test('of every fixture', () => {
    const guessed = (family: string) => new Set(importFixtures(family).map(({ text, name }) => guessKind(text, name)));
    expect(guessed('nginx')).toEqual(new Set(['nginx']));
    expect(guessed('haproxy')).toEqual(new Set(['haproxy']));
    expect(guessed('traefik')).toEqual(new Set(['traefik']));
    expect(guessed('caddy')).toEqual(new Set(['caddy']));
    expect(guessed('envoy')).toEqual(new Set(['envoy']));
    for (const kind of guessed('kubernetes')) expect(['ingress', 'gateway']).toContain(kind);
  });

  test('is asked for when it is not clear', () => {
    expect(() => importText('hello', 'x.txt')).toThrow('cannot tell whose config x.txt is: say --from nginx');
  });
});

test('what is written is YAML whose comments hold no byte that ends them', () => {
  const note = { line: 3, text: 'a\rb\u2028c\x1b[31m', why: 'because', kind: 'left-out' as const };
  const yaml = writeImported({ config: { pools: { a: 1 } }, notes: [note] }, 'evil\nname');
  expect(yaml).toBe(
    '# Imported from evil name. Not carried over, or not exactly:\n#\n# line 3, left out: a b c [31m\n#     because\n\npools:\n  a: 1\n',
  );
  expect(parse(yaml)).toEqual({ pools: { a: 1 } });
});

test('lines are counted once each, those that say something', () => {
  const note = (line: number, kind: 'changed' | 'left-out') => ({ line, text: '', why: '', kind });
  const notes = [note(2, 'changed'), note(2, 'changed'), note(4, 'left-out')];
  expect(countLines('# c\na\n\nb\n---\n  # d\n c', notes)).toEqual({ carriedOver: 1, changed: 1, leftOut: 1 });
});

test('what nobody may miss is told first, in the head and in the summary', () => {
  const note = (line: number, concern?: Note['concern']): Note => {
    return { line, text: `text ${line}`, why: `why ${line}`, kind: 'left-out', ...(concern && { concern }) };
  };
  const notes = [note(1), note(2, 'not-sticky'), note(3, 'open'), note(4, 'not-working'), note(5, 'open')];
  const imported = { config: {}, notes };
  const head = writeImported(imported, 'f').match(/^# line.*$/gm);
  expect(head).toEqual([
    '# line 3, OPEN NOW: text 3',
    '# line 5, OPEN NOW: text 5',
    '# line 4, NOT WORKING: text 4',
    '# line 2, NOT STICKY: text 2',
    '# line 1, left out: text 1',
  ]);
  expect(summarise(imported, 'a\nb\nc\nd\ne\nf', 'f')).toBe(`\
limpet: OPEN NOW: f:3: text 3 -- why 3
limpet: OPEN NOW: f:5: text 5 -- why 5
limpet: NOT WORKING: f:4: text 4 -- why 4
limpet: NOT STICKY: f:2: text 2 -- why 2
limpet: 1 line carried over, 0 changed, 5 left out
`);
});
