/** Links to a heading of a page: the heading is there. */
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { documents } from './blocks.ts';
import { read } from './tables.ts';

/** As GitHub makes it of a heading: letters, digits, hyphens and underscores stay, and a blank becomes a hyphen. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^(```+|~~~+)[\s\S]*?^\1/gm, '');
}

/** Of headings, of which the second of a name has -1 behind it, and those that a page sets by itself. */
function anchorsOf(path: string): string[] {
  const text = withoutCode(read(path));
  const count = new Map<string, number>();
  const headings = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading]) => {
    const anchor = anchorOf(heading!);
    const before = count.get(anchor) ?? 0;
    count.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
  return [...headings, ...Array.from(text.matchAll(/<a id="([^"]+)">/g), ([, id]) => id!)];
}

test('lead to one that exists', () => {
  const links = documents().flatMap((path) =>
    Array.from(withoutCode(read(path)).matchAll(/\]\(([^)\s#]*)#([^)\s]+)\)/g), ([, to = '', anchor = '']) => {
      return { path, page: to === '' ? path : normalize(join(dirname(path), to)), anchor };
    }),
  );
  const ours = links.filter(({ page }) => page.endsWith('.md') && !page.includes('://'));
  expect(ours.length).toBeGreaterThan(20);
  expect(ours.filter(({ page, anchor }) => !anchorsOf(page).includes(anchor))).toEqual([]);
});

test('would be seen', () => {
  expect(anchorOf('The session: `whenOwnerFails`')).toBe('the-session-whenownerfails');
  expect(anchorOf('Hono, Bun.serve, fetch handlers')).toBe('hono-bunserve-fetch-handlers');
});
