/** Which files of the dashboard are answered, and with which headers. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DashboardFiles } from './dashboard-files.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-dashboard-'));
  mkdirSync(join(folder, 'built/assets/deep'), { recursive: true });
  writeFileSync(join(folder, 'secret.js'), 'secret');
  writeFileSync(join(folder, 'built/index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'built/assets/index-1.js'), 'start()');
  writeFileSync(join(folder, 'built/assets/index-1.css'), 'html{}');
  writeFileSync(join(folder, 'built/assets/notes.txt'), 'of no kind that a page has');
  writeFileSync(join(folder, 'built/assets/deep/x.js'), 'x');
  symlinkSync('../../secret.js', join(folder, 'built/assets/link.js'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const files = () => new DashboardFiles([join(folder, 'none'), join(folder, 'built')]);

test('the page and its assets, with their types and a strict content security policy', async () => {
  const page = await files().read('/');
  expect(page?.contentType).toBe('text/html; charset=utf-8');
  expect(page?.headers['cache-control']).toBe('no-cache');
  const policy = page?.headers['content-security-policy'];
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
  expect(policy).not.toContain('unsafe');
  const script = await files().read('/assets/index-1.js');
  expect(script?.contentType).toBe('text/javascript; charset=utf-8');
  expect(script?.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': expect.stringContaining('immutable'),
  });
  expect(Buffer.from(script?.bytes ?? []).toString()).toBe('start()');
  expect((await files().read('/assets/index-1.css'))?.contentType).toBe('text/css; charset=utf-8');
});

test.each([
  '',
  '//',
  '/index.html',
  '/assets',
  '/assets/',
  '/assets/none.js',
  '/assets/../../secret.js',
  '/assets/%2e%2e/%2e%2e/secret.js',
  '/assets/..\\..\\secret.js',
  '/assets/deep',
  '/assets/deep/x.js',
  '/assets/link.js',
  '/assets/notes.txt',
  '/secret.js',
])('no file for %s', async (path) => {
  expect(await files().read(path)).toBeNull();
});

test('nothing where nothing was built, and the new files after another build', async () => {
  const late = join(folder, 'late');
  const one = new DashboardFiles([late]);
  expect(await one.read('/')).toBeNull();
  mkdirSync(join(late, 'assets'), { recursive: true });
  writeFileSync(join(late, 'index.html'), 'built');
  expect(await one.read('/')).not.toBeNull();
  rmSync(join(late, 'index.html'));
  expect(await one.read('/')).toBeNull();
});
