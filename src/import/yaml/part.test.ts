import { describe, expect, test } from 'vitest';
import { readYaml } from './yaml-file.ts';

function partOf(text: string) {
  const manifest = readYaml(text, 'a.yaml');
  const [root] = manifest.roots;
  if (root === undefined) throw new Error('no document');
  return { manifest, root, told: () => manifest.notes().map(({ line, kind, why }) => `${line} ${kind}: ${why}`) };
}

describe('a line', () => {
  test('of a map is carried over with anything in it', () => {
    const { root, told } = partOf('spec:\n  rules:\n    - host: a\n      http: b\n');
    root.at('spec', 'rules')?.items()[0]?.carryAt('http');
    expect(told()).toEqual(['3 left-out: nothing here corresponds to it']);
  });

  test('that is left out has the nearest reason, and a map of such lines too', () => {
    const { root, told } = partOf('a:\n  b:\n    c: 1\n  d: 2\n');
    root.leave('far');
    root.at('a', 'b')?.leave('near');
    root.at('a', 'd')?.carry();
    expect(told()).toEqual(['2 left-out: near', '3 left-out: near']);
  });

  test('of a text of many lines goes with it, blank ones aside', () => {
    const { root, told } = partOf('a: |\n  one\n\n  # two\nb: 1\n');
    root.get('b')?.carry();
    expect(told().map((text) => text.slice(0, 1))).toEqual(['1', '2', '4']);
  });

  test('that holds several fields is told of for those that nobody took', () => {
    const { root, told } = partOf('a: { b: 1, c: 2 }\n');
    root.at('a', 'b')?.carry();
    root.at('a', 'c')?.leave('not c');
    expect(told()).toEqual(['1 left-out: not c']);
  });

  test('of brackets and dashes alone goes with its neighbour', () => {
    const { root, told } = partOf('a: [\n  1,\n]\nb:\n  -\n    c: 1\n  -\n    d: 1\n');
    root.at('b')?.items()[1]?.carryAt('d');
    expect(told().map((text) => text.slice(0, 1))).toEqual(['1', '2', '3', '5', '6']);
  });

  test('with a change says so, once', () => {
    const { root, told } = partOf('a: 1\n');
    root.get('a')?.change('less');
    root.get('a')?.change('less');
    expect(told()).toEqual(['1 changed: less']);
  });
});

describe('an alias', () => {
  test('is read where its anchor is, and both are carried over', () => {
    const { root, told } = partOf('a: &x\n  b: 1\nc: *x\nd: 1\n');
    expect(root.at('c', 'b')?.carry().text()).toBe('1');
    root.get('c')?.carry();
    expect(told()).toEqual(['4 left-out: nothing here corresponds to it']);
  });

  test('is merged by <<', () => {
    const { root } = partOf('a: &x { b: 1 }\nc:\n  <<: *x\n  d: 2\n');
    expect(root.textAt('c', 'b')).toBe('1');
  });

  test('within itself does not go round for ever', () => {
    const { root, told } = partOf('a: &x\n  b: *x\n  <<: *x\n');
    expect(root.at('a', 'b', 'b', 'b', 'c')).toBeNull();
    root.get('a')?.carryAll();
    expect(told()).toEqual([]);
  });
});
