/**
 * `npm start -- --tour`: the story of session affinity in five chapters, told with real requests. Each chapter
 * starts three shops and a balancer of its own, and ends in a finding computed from what was measured. In the first
 * four the shops keep their carts where most apps do, in the memory of one process (strategy local).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Strategy } from '../../src/session/index.ts';
import type { Shop } from './processes.ts';
import { products } from './products.ts';
import { Shopper } from './shopper.ts';
import {
  ask,
  bar,
  countLast,
  crowd,
  crowdSize,
  drawShares,
  openStage,
  plural,
  type Teller,
  thingsEach,
} from './stage.ts';
import { paintServer } from './terminal.ts';

interface Finding {
  readonly held: boolean;
  /** What was measured. */
  readonly text: string;
  /** What should have been, for a finding that did not hold. */
  readonly expected: string;
}

/** Tells all chapters; true when every finding held. */
export async function tour(teller: Teller): Promise<boolean> {
  const { say, paint } = teller;
  say('');
  say(paint('bold', 'Limpet: a tour in five chapters'));
  say('Three shops keep carts; a balancer stands before them. A word says where the carts live.');
  say('Every number below was measured just now, with real requests.');
  const findings: Finding[] = [];
  for (const chapter of [roundRobin, sourceAddress, cookie, killedServer, strategies])
    findings.push(await chapter(teller));

  say('');
  say(paint('bold', 'Findings'));
  findings.forEach((finding, index) => {
    say(`${finding.held ? paint('green', '✓') : paint('red', '✗')} ${index + 1}. ${finding.text}`);
    if (!finding.held) say(paint('red', `     expected: ${finding.expected}`));
  });
  const wrong = findings.filter((finding) => !finding.held).length;
  say('');
  say(wrong === 0 ? 'All five held.' : paint('red', `${wrong} of ${findings.length} did not hold.`));
  return wrong === 0;
}

async function roundRobin(teller: Teller): Promise<Finding> {
  await using stage = await openStage(teller, '1. Round robin, no affinity', [
    '--affinity',
    'none',
    '--balance',
    'round-robin',
  ]);
  const ada = new Shopper('Ada', stage.balancer.url);
  await ada.signIn();
  for (const product of products.slice(0, 6)) await ada.add(product.id);
  const shown = await ada.look();
  ada.leave();

  teller.say(`   Ada signs in, adds 6 things and looks at her cart: ${ada.visits.length} requests.`);
  let sessions = 0;
  for (const shop of stage.shops) {
    const requests = ada.visits.filter((visit) => visit.server === shop.name).length;
    const held = await ask(shop);
    sessions += held.sessions;
    const memory = `in memory: ${plural(held.sessions, 'session')} with ${plural(held.things, 'thing')}`;
    teller.say(bar(teller.paint, shop.name, requests, `${plural(requests, 'request')}; ${memory}`));
  }
  teller.say(`   Her page shows a cart of ${plural(shown, 'thing')}.`);
  return {
    held: shown < 6 && ada.servers.length > 1,
    text: `Round robin without affinity: of 6 things added, the cart page showed ${shown}. They lie in ${plural(sessions, 'session')} on ${plural(ada.servers.length, 'server')}.`,
    expected: 'requests on several servers, and fewer than 6 things on the page',
  };
}

async function sourceAddress(teller: Teller): Promise<Finding> {
  await using stage = await openStage(teller, '2. Affinity by source address, behind a shared proxy', [
    '--affinity',
    'source-ip',
  ]);
  const { shoppers, whole } = await crowd(stage.balancer.url);
  teller.say(`   ${crowdSize} shoppers, all from one address, as behind an office's proxy or a carrier's NAT.`);
  const counts = drawShares(teller, stage.shops, shoppers);
  for (const shopper of shoppers) shopper.leave();
  const busiest = Math.max(...counts.values());
  teller.say(
    `   Carts complete: ${whole} of ${crowdSize}. The busiest server has ${busiest} of ${crowdSize} shoppers.`,
  );
  const names = [...counts].filter(([, count]) => count > 0).map(([name]) => name);
  return {
    held: busiest === crowdSize && shoppers.every((shopper) => shopper.servers.length === 1),
    text: `Source address behind a shared proxy: ${busiest} of ${crowdSize} shoppers on one server (${names.join(', ')}); ${stage.shops.length - names.length} of ${stage.shops.length} servers idle.`,
    expected: `all ${crowdSize} shoppers on one server`,
  };
}

async function cookie(teller: Teller): Promise<Finding> {
  const flags = ['--affinity', 'cookie', '--balance', 'round-robin'];
  await using stage = await openStage(teller, '3. Affinity by cookie', flags);
  const { shoppers, whole } = await crowd(stage.balancer.url);
  teller.say(`   The same ${crowdSize} shoppers from the same address; each brings a cookie of the balancer.`);
  const counts = drawShares(teller, stage.shops, shoppers);
  for (const shopper of shoppers) shopper.leave();
  const loyal = shoppers.filter((shopper) => shopper.servers.length === 1).length;
  teller.say(`   Carts complete: ${whole} of ${crowdSize}. Shoppers who met one server only: ${loyal}.`);
  // No server above 1.25 times the mean: the bound that Limpet uses for `maxLoad`.
  const even = Math.max(...counts.values()) <= (crowdSize / stage.shops.length) * 1.25;
  return {
    held: loyal === crowdSize && whole === crowdSize && even,
    text: `Cookie affinity: ${loyal} of ${crowdSize} shoppers kept one server, ${whole} carts complete, spread ${[...counts.values()].join(', ')}.`,
    expected: `${crowdSize} shoppers and ${crowdSize} complete carts, no server above 1.25 times the mean`,
  };
}

async function killedServer(teller: Teller): Promise<Finding> {
  const flags = ['--affinity', 'cookie', '--balance', 'round-robin', '--identify'];
  await using stage = await openStage(teller, '4. A server dies', flags);
  const { shoppers } = await crowd(stage.balancer.url);
  const counts = drawShares(teller, stage.shops, shoppers);
  const victim = busiestOf(stage.shops, counts);
  const homes = new Map(shoppers.map((shopper) => [shopper, shopper.last]));
  const memory = await ask(victim);
  victim.kill();
  teller.say(
    `   kill -9 ${victim.pid}: ${paintServer(teller.paint, victim.name)} ended with ${await victim.exited}. Everybody goes on shopping.`,
  );

  const after = await Promise.all(
    shoppers.map(async (shopper) => {
      shopper.visits.length = 0;
      const found = await shopper.look();
      await shopper.add('kelp');
      await shopper.add('kelp');
      const end = await shopper.look();
      shopper.leave();
      return { shopper, found, end, home: homes.get(shopper) };
    }),
  );
  const struck = after.filter(({ home }) => home?.server === victim.name);
  const others = after.filter(({ home }) => home?.server !== victim.name);
  // Once: every visit since was at one other server, under the next epoch.
  const rebound = struck.filter(({ shopper, home, end }) => {
    const { servers, visits } = shopper;
    const next = (home?.epoch ?? 0) + 1;
    return (
      servers.length === 1 &&
      servers[0] !== victim.name &&
      next > 1 &&
      visits.every((visit) => visit.epoch === next) &&
      end === 2
    );
  });
  const untouched = others.filter(({ shopper, found, end, home }) => {
    const same = shopper.visits.every((visit) => visit.server === home?.server && visit.epoch === home.epoch);
    return same && found === thingsEach && end === thingsEach + 2;
  });
  const failed = after.flatMap(({ shopper }) => shopper.visits).filter((visit) => visit.status >= 400).length;
  const lost = struck.filter(({ found }) => found === 0).length;
  drawShares(teller, stage.shops, shoppers);
  const epochs = [...new Set(struck.flatMap(({ shopper }) => shopper.visits.map((visit) => visit.epoch)))].join(', ');
  teller.say(
    `   Its ${struck.length} shoppers: ${rebound.length} rebound once, to another server under epoch ${epochs}, where they stay.`,
  );
  teller.say(`   The ${others.length} others: ${untouched.length} noticed nothing. Failed requests: ${failed}.`);
  teller.say(
    `   Lost: ${lost} carts with ${plural(memory.things, 'thing')}. They lived only in the memory of ${victim.name};`,
  );
  teller.say('   keeping a session through a crash takes a copy outside the server: see the next chapter.');
  return {
    held:
      struck.length > 0 &&
      rebound.length === struck.length &&
      untouched.length === others.length &&
      failed === 0 &&
      lost === struck.length,
    text: `Kill -9 of ${victim.name}: ${rebound.length} of its ${struck.length} shoppers rebound once (epoch ${epochs}), ${untouched.length} of ${others.length} others untouched, ${failed} requests failed, ${lost} carts lost: they lived only there.`,
    expected: 'each of its shoppers rebound once to the next epoch, nobody else moved, no request failed',
  };
}

/** What became of a crowd whose busiest server was killed, with its carts kept in one of the four ways. */
interface Survival {
  readonly strategy: Strategy;
  /** Shoppers whom the killed server had answered last, and how many of them had their whole cart afterwards. */
  readonly struck: number;
  readonly kept: number;
  readonly failed: number;
  /** Of one shopper alone: median time of a page (ms), and what the browser sends with each request (bytes). */
  readonly pageTime: number;
  readonly cookieBytes: number;
}

const dies: Readonly<Record<Strategy, boolean>> = { sticky: false, local: true, shared: false, stateless: false };
const places: Readonly<Record<Strategy, string>> = {
  sticky: "one server's memory, each change copied to the balancer",
  local: "one server's memory",
  shared: 'a store that every request asks (lmdb)',
  stateless: "the browser's cookie, encrypted",
};

async function strategies(teller: Teller): Promise<Finding> {
  const { say, paint } = teller;
  say('');
  say(paint('bold', '5. The same shop, the same death, four places for a cart'));
  const survivals: Survival[] = [];
  for (const strategy of ['sticky', 'local', 'shared', 'stateless'] as const) {
    survivals.push(await survive(teller, strategy));
  }
  say('');
  say(paint('dim', '   strategy    carts kept   failed   page, median   cookies sent'));
  for (const { strategy, struck, kept, failed, pageTime, cookieBytes } of survivals) {
    const carts = `${kept} of ${struck}`.padStart(10);
    const numbers = `${String(failed).padStart(9)}${`${pageTime.toFixed(1)} ms`.padStart(15)}${`${cookieBytes} B`.padStart(15)}`;
    say(`   ${strategy.padEnd(12)}${paint(kept === struck ? 'green' : 'red', carts)}${numbers}   ${places[strategy]}`);
  }
  const right = survivals.filter(
    ({ strategy, struck, kept, failed }) => struck > 0 && failed === 0 && kept === (dies[strategy] ? 0 : struck),
  );
  const told = survivals.map(({ strategy, struck, kept }) => `${strategy} ${kept} of ${struck}`).join(', ');
  return {
    held: right.length === survivals.length,
    text: `The busiest server killed with -9, carts of its shoppers that were whole afterwards: ${told}.`,
    expected: 'all of sticky, shared and stateless, none of local, and no request failed',
  };
}

async function survive(teller: Teller, strategy: Strategy): Promise<Survival> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-tour-'));
  const anywhere = ['--affinity', 'none', '--balance', 'round-robin'];
  const home = ['--affinity', 'cookie', '--balance', 'round-robin'];
  const flags = { sticky: [...home, '--sessions', 'memory'], local: home, shared: anywhere, stateless: anywhere };
  const shopFlags = ['--sessions', strategy, ...(strategy === 'shared' ? ['--store', `lmdb:${folder}`] : [])];
  try {
    await using stage = await openStage(teller, '', flags[strategy], shopFlags);
    const { shoppers } = await crowd(stage.balancer.url);
    const victim = busiestOf(stage.shops, countLast(stage.shops, shoppers));
    const struck = shoppers.filter(({ last }) => last?.server === victim.name);
    const [one] = shoppers;
    for (let looks = 0; looks < 50; looks++) await one!.look();
    const times = one!.visits.slice(-50).map(({ time }) => time);
    for (const shopper of shoppers) shopper.visits.length = 0;
    victim.kill();
    await victim.exited;
    const found = new Map(await Promise.all(shoppers.map(async (shopper) => [shopper, await shopper.look()] as const)));
    for (const shopper of shoppers) shopper.leave();
    const visits = shoppers.flatMap((shopper) => shopper.visits);
    return {
      strategy,
      struck: struck.length,
      kept: struck.filter((shopper) => found.get(shopper) === thingsEach).length,
      failed: visits.filter(({ status }) => status >= 400).length,
      pageTime: times.toSorted((a, b) => a - b)[25]!,
      cookieBytes: Math.max(...shoppers.map((shopper) => shopper.cookieBytes)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function busiestOf(shops: readonly Shop[], counts: ReadonlyMap<string, number>): Shop {
  return shops.reduce((most, shop) => ((counts.get(shop.name) ?? 0) > (counts.get(most.name) ?? 0) ? shop : most));
}
