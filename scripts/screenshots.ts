/**
 * `node scripts/screenshots.ts`: the pictures of the dashboard in docs/images, from a real balancer under load: six servers, of which
 * one is killed while the page looks on. Needs what `npm run build` has made, and Chromium.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { launch, openPage, type PageSetup } from '../test/dashboard/browser.ts';
import { startLimpet } from '../test/support/limpet.ts';
import { listen } from '../test/support/peers.ts';
import { findProgram } from '../test/support/programs.ts';
import { poolOf, Shopper, startShops } from '../test/support/shop.ts';

const images = resolve(import.meta.dirname, '../docs/images');
const chromium = findProgram('chromium');
if (chromium === undefined) throw new Error('chromium is not installed');
mkdirSync(images, { recursive: true });

/** Shoppers, and visitors of a pool whose servers keep their sessions to themselves. */
const shoppersCount = 420;
const visitorsCount = 130;
/** Requests at one time, and the pause of each client after an answer (ms). */
const clients = 10;
const pauseMs = 24;
const token = randomBytes(32).toString('hex');

/** An app of its own in each, so that its sessions have no copy. */
function startChat(name: string) {
  const server = createServer((_, response) => setTimeout(() => response.end(name), 3 + Math.random() * 12));
  return listen(name, server);
}

await using shops = await startShops('s1', 's2', 's3', 's4');
await using c1 = await startChat('c1');
await using c2 = await startChat('c2');
await using limpet = await startLimpet('bun', {
  config: {
    pools: {
      shop: { servers: poolOf(shops), health: { interval: '1s' } },
      chat: {
        servers: [c1, c2].map(({ name, address }) => ({ name, address })),
        balance: 'round-robin',
        affinity: [{ cookie: { name: 'limpet-chat', bind: 'always' } }],
      },
    },
    routes: [
      { match: { path: '/chat' }, pool: 'chat' },
      { match: { path: '/' }, pool: 'shop' },
    ],
    sessions: {},
    workers: 2,
    admin: { listen: '127.0.0.1:0', token },
  },
});
const admin = /admin on (http:\S+)/.exec(limpet.stderr())?.[1];
if (admin === undefined) throw new Error(`no admin listener:\n${limpet.stderr()}`);

const shoppers = Array.from({ length: shoppersCount }, () => new Shopper(limpet.url));
const visitors = Array.from({ length: visitorsCount }, () => new Shopper(limpet.url));
for (const shopper of shoppers) await shopper.count();
for (const visitor of visitors) await visitor.ask('/chat');

let isOver = false;
async function keepAsking(): Promise<void> {
  while (!isOver) {
    const isShopper = Math.random() < 0.8;
    const all = isShopper ? shoppers : visitors;
    const one = all[Math.floor(Math.random() * all.length)];
    await one?.ask(isShopper ? '/' : '/chat').catch(() => undefined);
    await sleep(pauseMs * Math.random() * 2);
  }
}
const load = Array.from({ length: clients }, keepAsking);

await using browser = await launch(chromium);

async function picture(
  name: string,
  address: string,
  setup: PageSetup,
  look?: (page: Page) => Promise<unknown>,
): Promise<void> {
  const { page, complaints } = await openPage(browser, `${admin}/${address}`, { ...setup, token });
  await page.locator('.connection.is-live').waitFor();
  await look?.(page);
  await page.screenshot({ path: join(images, `dashboard-${name}.png`) });
  await page.close();
  console.log(`dashboard-${name}.png${complaints.length === 0 ? '' : `: ${complaints.join(' ')}`}`);
}

const seconds = (count: number) => (page: Page) => page.waitForTimeout(count * 1_000);
const whole: PageSetup = { width: 1280, height: 1420 };
await picture('light', '', { ...whole, scheme: 'light' }, seconds(24));
await picture('servers', '#/servers/shop/s3', { width: 1280, height: 800, scheme: 'dark' }, seconds(2));
await picture('phone', '', { width: 390, height: 844, scheme: 'dark' }, seconds(3));
await picture('kill', '', { ...whole, scheme: 'dark' }, async (page) => {
  await page.waitForTimeout(14_000);
  await shops[1]!.kill();
  await page.locator('.movement-rescued').waitFor();
  await page.waitForTimeout(700);
});
isOver = true;
await Promise.all(load);
