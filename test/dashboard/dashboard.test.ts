/** The dashboard of a real balancer: its figures, a server that dies under its sessions, drain and ready by the keyboard, a read token. */
import { describe, expect, test } from 'vitest';
import { startLimpet } from '../support/limpet.ts';
import { runtimes } from '../support/runtimes.ts';
import { poolOf, Shopper, startShops } from '../support/shop.ts';
import { openPage, startBrowser } from './browser.ts';

const token = 'o'.repeat(32);
const readToken = 'r'.repeat(32);

describe.each(runtimes)('the dashboard on %s', (runtime) => {
  test('shows what happens, and changes servers', { timeout: 120_000 }, async (context) => {
    await using browser = await startBrowser(context);
    await using servers = await startShops('a', 'b', 'c');
    await using limpet = await startLimpet(runtime, {
      config: {
        pools: { shop: { servers: poolOf(servers), health: { interval: '200ms' } } },
        sessions: {},
        workers: 2,
        admin: { listen: '127.0.0.1:0', token, readToken },
      },
    });
    const [, admin = ''] = /admin on (http:\S+)/.exec(limpet.stderr()) ?? [];
    const shoppers = Array.from({ length: 12 }, () => new Shopper(limpet.url));
    for (const shopper of shoppers) await shopper.count();

    const { page, complaints } = await openPage(browser, admin);
    await page.locator('input[type=password]').fill(readToken);
    await page.keyboard.press('Enter');
    const figure = (name: string) => page.locator('.figures').first().locator('.figure', { hasText: name });
    await figure('Servers up').getByText('3 of 3').waitFor();
    await figure('Sessions').getByText('12', { exact: true }).waitFor();
    await figure('Sessions').getByText('100% with a copy').waitFor();
    await page.getByRole('img', { name: /^12 sessions on 3 servers, 3 of them up/ }).waitFor();
    await page.getByRole('button', { name: 'Read-only' }).waitFor();
    await page.getByRole('link', { name: 'Servers', exact: true }).click();
    await page.getByRole('row', { name: /shop\/c/ }).waitFor();
    expect(await page.getByRole('button', { name: 'Drain' }).count()).toBe(0);

    await page.getByRole('button', { name: 'Read-only' }).click();
    await page.locator('input[type=password]').fill(token);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Operator' }).waitFor();
    const row = (name: string) => page.getByRole('row', { name: new RegExp(`shop/${name}`) });
    await row('a').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('d');
    await page.getByRole('dialog').getByText('with a copy will move').waitFor();
    await page.keyboard.press('Enter');
    await row('b').getByText('draining').waitFor();
    for (const shopper of shoppers) expect((await shopper.count()).server).not.toBe('b');
    await row('b').getByRole('cell').nth(3).getByText('0', { exact: true }).waitFor();
    // The focus is back where it was.
    await page.keyboard.press('r');
    await page.getByRole('dialog').getByText('gets new sessions again').waitFor();
    await page.keyboard.press('Enter');
    await row('b').getByText('up', { exact: true }).waitFor();

    await page.getByRole('link', { name: 'Sessions', exact: true }).click();
    await page.getByText('12 loaded').waitFor();
    await page.getByLabel('What the client sends').fill(`limpet=${shoppers[0]?.cookies.get('limpet')}`);
    await page.getByRole('button', { name: 'Find' }).click();
    const owner = (await shoppers[0]!.count()).server;
    await page.getByText(`The session is at home on shop/${owner}`).waitFor();
    const other = owner === 'c' ? 'b' : 'c';
    await page.getByLabel('Move to').selectOption(other);
    await page.getByRole('button', { name: 'Move' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Move' }).click();
    await page.getByText(`The session moves to shop/${other}`).waitFor();
    expect((await shoppers[0]!.count()).server).toBe(other);

    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await servers[0]!.kill();
    await figure('Servers up').getByText('1 down').waitFor();
    for (const shopper of shoppers) expect((await shopper.count()).server).not.toBe('a');
    await page.locator('.movement-rescued').waitFor();
    await page.getByRole('img', { name: /^12 sessions on 3 servers, 2 of them up/ }).waitFor();
    await limpet.stop();
    await page.getByRole('alert').getByText('No figures').waitFor();
    expect(complaints.filter((text) => !/ERR_CONNECTION|ERR_EMPTY_RESPONSE|INCOMPLETE_CHUNKED/.test(text))).toEqual([]);
  });
});
