/** The dashboard in a real Chromium. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { TestContext } from 'vitest';
import { needProgram } from '../support/programs.ts';

const root = resolve(import.meta.dirname, '../..');
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** `npm test` has built it; a suite that is run by hand may not have. */
export async function buildDashboard(): Promise<void> {
  if (existsSync(join(root, 'dist/dashboard/index.html'))) return;
  const { build } = await import('vite');
  await build({ configFile: join(root, 'dashboard/vite.config.ts') });
}

export async function startBrowser(context: TestContext): Promise<Browser & AsyncDisposable> {
  await buildDashboard();
  return launch(needProgram(context, 'chromium'));
}

export async function launch(executablePath: string): Promise<Browser & AsyncDisposable> {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'];
  return (await chromium.launch({ executablePath, headless: true, args })) as Browser & AsyncDisposable;
}

export interface PageSetup {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: 'reduce';
  /** As if it had been given to the page before. */
  readonly token?: string;
}

export interface OpenPage {
  readonly page: Page;
  /** What the page's scripts and its content security policy complained about. */
  readonly complaints: readonly string[];
}

export async function openPage(browser: Browser, url: string, setup: PageSetup = {}): Promise<OpenPage> {
  const { scheme = 'light', width = 1280, height = 900, reducedMotion = 'no-preference' } = setup;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion });
  const page = await context.newPage();
  const { token } = setup;
  if (token !== undefined) await page.addInitScript(`sessionStorage.setItem('limpet-token', '${token}')`);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Statuses that the page expects are no fault of it.
    if (message.type() === 'error' && !/status of 40[134]/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints };
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core calls serious or critical, one line each. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // Through the debugging protocol: the page's policy lets no other script in.
  await page.evaluate(readFileSync(axe, 'utf8'));
  const { violations } = (await page.evaluate('axe.run({ resultTypes: ["violations"] })')) as {
    violations: readonly Violation[];
  };
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}: ${failureSummary}`),
    );
}
