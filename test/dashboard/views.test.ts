/** Every view of the dashboard at an admin listener of which the test says what it answers: reading, changing, and axe-core. */
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, type TestContext, test } from 'vitest';
import { openPage, type PageSetup, seriousFaults, startBrowser } from './browser.ts';
import { FakeAdmin } from './fake-admin.ts';

const timeout = 120_000;

/** One for all tests: each opens a page of its own. */
let started: ReturnType<typeof startBrowser> | undefined;
const shared = (context: TestContext) => (started ??= startBrowser(context));
afterAll(async () => (await started?.catch(() => undefined))?.close());

const small = { pools: { shop: 4, chat: 2 }, sessions: 900 };
const inFleet = { ...small, isFleet: true } as const;

/** Each view, and a sign that it is there. */
const views: readonly (readonly [address: string, open: (page: Page) => Promise<unknown>])[] = [
  [
    '#/overview',
    async (page) => {
      await page.getByText('Sessions at home').waitFor();
      await page.getByText('differs in pools.shop.balance').waitFor();
    },
  ],
  ['#/servers', (page) => page.getByText('chat/c1').waitFor()],
  ['#/servers/shop/s2', (page) => page.getByRole('button', { name: 'Take down' }).waitFor()],
  [
    '#/sessions',
    async (page) => {
      await page.getByLabel('What the client sends').fill('limpet=AQabc');
      await page.getByRole('button', { name: 'Find' }).click();
      await page.getByText('The session is at home on').waitFor();
      await page.getByText('200 loaded, more below').waitFor();
    },
  ],
  [
    '#/explain',
    async (page) => {
      await page.getByRole('button', { name: 'Explain' }).click();
      await page.getByText('It goes to s2').waitFor();
    },
  ],
  ['#/events', (page) => page.getByText('connection refused').waitFor()],
];

const looks: readonly (readonly [name: string, setup: PageSetup])[] = [
  ['light', { scheme: 'light' }],
  ['dark', { scheme: 'dark' }],
  ['phone', { scheme: 'dark', width: 390, height: 844 }],
];

describe('accessibility', () => {
  test.for(looks)('axe-core finds no serious fault in any view, %s', { timeout }, async ([, setup], context) => {
    const browser = await shared(context);
    await using fake = await new FakeAdmin(inFleet).listen();
    // Nothing that moves is still half transparent when it is looked at.
    const { page, complaints } = await openPage(browser, fake.url, { ...setup, reducedMotion: 'reduce' });
    await page.getByText('Live', { exact: true }).waitFor();
    fake.kill(fake.find('shop', 's2')!);
    for (const [address, open] of views) {
      await page.goto(`${fake.url}/${address}`);
      await open(page);
      expect(await seriousFaults(page), address).toEqual([]);
      const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(wide, `${address} scrolls sideways`).toBeLessThanOrEqual(0);
    }
    await page.goto(`${fake.url}/#/servers/shop/s1`);
    await page.getByRole('button', { name: 'Take down' }).click();
    await page.getByText('without a copy will be lost').waitFor();
    expect(await seriousFaults(page), 'a question').toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

describe('changes', () => {
  test('servers and sessions change only after a yes', { timeout }, async (context) => {
    const browser = await shared(context);
    await using fake = await new FakeAdmin(small).listen();
    const { page, complaints } = await openPage(browser, `${fake.url}/#/servers/shop/s1`);
    const drain = page.locator('.controls').getByRole('button', { name: 'Drain' });
    await page.getByRole('button', { name: 'Take down' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await drain.click();
    await page.keyboard.press('Escape');
    expect(fake.changes).toEqual([]);
    await drain.click();
    // The button that says yes has the focus.
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('draining', { exact: true }).waitFor();
    await page.getByLabel('Weight').fill('3');
    await page.getByRole('button', { name: 'Set' }).click();
    await page.getByText('shop/s1: weight 3').waitFor();
    await page.goto(`${fake.url}/#/sessions?find=ab12cd34`);
    await page.getByText('The session is at home on').waitFor();
    await page.getByRole('button', { name: 'Move' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Move' }).click();
    await page.getByText('The session moves to shop/').waitFor();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByText('The session has ended').waitFor();
    expect(fake.changes).toEqual([
      'shop/s1 drain',
      'shop/s1 weight 3',
      expect.stringMatching(/^move [\da-f]+ to s\d$/),
      expect.stringMatching(/^end [\da-f]+$/),
    ]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a read token shows everything and offers no change', { timeout }, async (context) => {
    const browser = await shared(context);
    await using fake = await new FakeAdmin({ ...small, token: 'operate', readToken: 'read' }).listen();
    const { page, complaints } = await openPage(browser, `${fake.url}/#/servers`);
    await page.locator('input[type=password]').fill('wrong');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByText('does not know this token').waitFor();
    await page.locator('input[type=password]').fill('read');
    await page.keyboard.press('Enter');
    await page.getByText('chat/c1').waitFor();
    await page.getByRole('button', { name: 'Read-only' }).waitFor();
    expect(await page.getByRole('button', { name: 'Drain' }).count()).toBe(0);
    await page.getByRole('row').nth(1).focus();
    await page.keyboard.press('d');
    expect(await page.getByRole('dialog').count()).toBe(0);
    // The tab keeps it, and no other tab gets it.
    await page.reload();
    await page.getByRole('button', { name: 'Read-only' }).waitFor();
    expect(await page.evaluate('[Object.values(sessionStorage), Object.keys(localStorage)]')).toEqual([['read'], []]);
    await page.getByRole('button', { name: 'Read-only' }).click();
    await page.locator('input[type=password]').fill('operate');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Operator' }).waitFor();
    await page.getByRole('button', { name: 'Drain' }).first().waitFor();
    expect(fake.changes).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

test('a thousand servers and a million sessions: only rows in view are in the page', { timeout }, async (context) => {
  const browser = await shared(context);
  await using fake = await new FakeAdmin({ pools: { shop: 900, chat: 100 }, sessions: 1_000_000 }).listen();
  const { page, complaints } = await openPage(browser, `${fake.url}/#/servers`);
  await page.getByText('chat/c1', { exact: true }).waitFor();
  await page.getByText('1,000 shown').waitFor();
  expect(await page.getByRole('row').count()).toBeLessThan(60);
  // The keyboard reaches the last of them.
  await page.getByRole('row').nth(1).focus();
  await page.keyboard.press('End');
  await page.getByText('shop/s900', { exact: true }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'shop/s900' }).waitFor();
  await page.goto(`${fake.url}/#/sessions`);
  await page.getByText('200 loaded, more below').waitFor();
  await page.getByRole('table', { name: 'Sessions' }).getByRole('row').nth(1).focus();
  await page.keyboard.press('End');
  await page.getByText('400 loaded, more below').waitFor();
  expect(await page.getByRole('row').count()).toBeLessThan(60);
  expect(complaints).toEqual([]);
  await page.close();
});

test('the theme follows the system until it is switched, and the switch is kept', { timeout }, async (context) => {
  const browser = await shared(context);
  await using fake = await new FakeAdmin(small).listen();
  const { page } = await openPage(browser, fake.url, { scheme: 'dark' });
  const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  const dark = await background();
  await page.getByRole('button', { name: 'Switch to light' }).click();
  expect(await background()).not.toBe(dark);
  await page.reload();
  await page.getByRole('button', { name: 'Switch to dark' }).waitFor();
  expect(await background()).not.toBe(dark);
  await page.close();
});
