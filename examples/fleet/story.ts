/** The story of `npm run fleet`: a crowd at three balancers, one of which dies, then a server. Every number is measured, and judged. */
import type { Shop } from '../shop/processes.ts';
import { products } from '../shop/products.ts';
import { Shopper } from '../shop/shopper.ts';
import { bar, countLast, plural, type Teller } from '../shop/stage.ts';
import { Fleet, type Node } from './processes.ts';

const crowdSize = 60;
const thingsEach = 3;

interface Finding {
  readonly held: boolean;
  readonly text: string;
}

interface Scene {
  readonly teller: Teller;
  readonly fleet: Fleet;
  readonly shoppers: readonly Shopper[];
}

/** True when all findings held. `stays`: everything is left running. */
export async function story(teller: Teller, stays: boolean): Promise<boolean> {
  const { say, paint } = teller;
  say(`\n${paint('bold', 'A fleet: three balancers, one Redis, six servers')}`);
  const fleet = await Fleet.start();
  const urls = fleet.nodes.map(({ url }) => url);
  say(`   All three read this file; each has a port and a state folder of its own.\n`);
  for (const line of fleet.config.trimEnd().split('\n')) say(paint('dim', `   ${line}`));
  const shoppers = Array.from({ length: crowdSize }, (_, n) => new Shopper(`Shopper ${n + 1}`, urls));
  const scene = { teller, fleet, shoppers };
  const findings: Finding[] = [];
  for (const chapter of [shopping, deadNode, deadServer, nodeIsBack]) findings.push(await chapter(scene));
  for (const shopper of shoppers) shopper.leave();

  say(`\n${paint('bold', 'Findings')}`);
  for (const { held, text } of findings) say(`${held ? paint('green', '✓') : paint('red', '✗')} ${text}`);
  const wrong = findings.filter(({ held }) => !held).length;
  say(wrong === 0 ? '\nAll of them held.' : paint('red', `\n${wrong} of ${findings.length} did not hold.`));
  if (stays) say(`\nThe shop is open at ${urls.join(', ')}. Ctrl-C stops everything.`);
  else await fleet[Symbol.asyncDispose]();
  return wrong === 0;
}

async function shopping({ teller, fleet, shoppers }: Scene): Promise<Finding> {
  const { say, paint } = teller;
  say(`\n${paint('bold', '1. A crowd')}`);
  say(`   ${crowdSize} shoppers sign in and fill a cart. Each request goes to one of the three balancers, by chance.`);
  await everybody(shoppers, async (shopper) => {
    await shopper.signIn();
    for (const { id } of products.slice(0, thingsEach)) await shopper.add(id);
  });
  const { loyal, whole, requests } = await look(shoppers, thingsEach);
  draw(teller, fleet.shops, shoppers);
  say(`   ${requests} requests. Shoppers who met one server only: ${loyal}. Carts that are whole: ${whole}.`);
  return {
    held: loyal === crowdSize && whole === crowdSize,
    text: `${loyal} of ${crowdSize} shoppers kept one server, whichever balancer they asked; ${whole} carts are whole.`,
  };
}

async function deadNode({ teller, fleet, shoppers }: Scene): Promise<Finding> {
  const { say, paint } = teller;
  const [node] = fleet.nodes as [Node];
  say(`\n${paint('bold', '2. A balancer dies')}`);
  const homes = homesOf(shoppers);
  node.kill();
  say(`   kill -9 ${node.pid}: ${node.name} ended with ${await node.exited}. Everybody goes on shopping.`);
  forget(shoppers);
  await everybody(shoppers, (shopper) => shopper.add('kelp'));
  const { whole } = await look(shoppers, thingsEach + 1);
  const loyal = shoppers.filter((shopper) => shopper.servers.every((name) => name === homes.get(shopper))).length;
  const refused = shoppers.reduce((sum, shopper) => sum + shopper.refused, 0);
  say(`   ${plural(refused, 'connection')} refused by it, and made to another one, as browsers do by themselves.`);
  say(`   Shoppers who met their own server only: ${loyal}. Carts that are whole: ${whole}.`);
  return {
    held: loyal === crowdSize && whole === crowdSize,
    text: `A balancer killed with -9: ${loyal} of ${crowdSize} shoppers stayed with their server, ${whole} carts are whole.`,
  };
}

async function deadServer({ teller, fleet, shoppers }: Scene): Promise<Finding> {
  const { say, paint } = teller;
  say(`\n${paint('bold', '3. A server dies')}`);
  const counts = countLast(fleet.shops, shoppers);
  const victim = fleet.shops.reduce((most, shop) => (counts.get(shop.name)! > counts.get(most.name)! ? shop : most));
  const struck = shoppers.filter(({ last }) => last?.server === victim.name);
  const homes = homesOf(shoppers);
  victim.kill();
  say(`   kill -9 ${victim.pid}: ${victim.name} ended with ${await victim.exited}. It had ${struck.length} of them.`);
  forget(shoppers);
  await everybody(shoppers, (shopper) => shopper.add('kelp'));
  const { loyal, whole } = await look(shoppers, thingsEach + 2);
  draw(teller, fleet.shops, shoppers);
  const others = shoppers.filter((shopper) => !struck.includes(shopper));
  const untouched = others.filter((shopper) => shopper.servers.every((name) => name === homes.get(shopper))).length;
  const epochs = [...new Set(struck.flatMap(({ visits }) => visits.map(({ epoch }) => epoch)))].join(', ');
  say(
    `   Both balancers that are left agree on the new owners: ${loyal} of ${crowdSize} shoppers met one server since.`,
  );
  say(`   Epoch of those who moved: ${epochs}. Carts that are whole: ${whole}.`);
  const held = struck.length > 0 && loyal === crowdSize && untouched === others.length && epochs === '2';
  return {
    held: held && whole === crowdSize,
    text: `A server killed with -9: its ${struck.length} shoppers moved once, to epoch ${epochs}, ${untouched} of ${others.length} others stayed; ${whole} carts are whole.`,
  };
}

async function nodeIsBack({ teller, fleet, shoppers }: Scene): Promise<Finding> {
  const { say, paint } = teller;
  const [dead] = fleet.nodes as [Node];
  say(`\n${paint('bold', '4. The balancer is back')}`);
  const homes = homesOf(shoppers);
  const back = await fleet.restart(dead);
  say(`   ${back.name} runs again, pid ${back.pid}. It has missed the moves; everybody asks it alone.`);
  const alone = shoppers.map((shopper) => shopper.at(back.url));
  const { whole } = await look(alone, thingsEach + 2);
  const home = alone.filter(({ last }, n) => last?.server === homes.get(shoppers[n]!)).length;
  for (const shopper of alone) shopper.leave();
  say(`   At home: ${home} of ${crowdSize}. Carts that are whole: ${whole}.`);
  return {
    held: home === crowdSize && whole === crowdSize,
    text: `A balancer that missed the moves sent ${home} of ${crowdSize} shoppers to their new servers.`,
  };
}

async function everybody(shoppers: readonly Shopper[], does: (shopper: Shopper) => Promise<unknown>): Promise<void> {
  await Promise.all(shoppers.map(does));
}

function homesOf(shoppers: readonly Shopper[]): ReadonlyMap<Shopper, string | undefined> {
  return new Map(shoppers.map((shopper) => [shopper, shopper.last?.server]));
}

/** Their visits so far. */
function forget(shoppers: readonly Shopper[]): void {
  for (const { visits } of shoppers) visits.splice(0);
}

async function look(shoppers: readonly Shopper[], things: number) {
  const shown = await Promise.all(shoppers.map((shopper) => shopper.look()));
  return {
    whole: shown.filter((one) => one === things).length,
    loyal: shoppers.filter(({ servers }) => servers.length === 1).length,
    requests: shoppers.reduce((sum, { visits }) => sum + visits.length, 0),
  };
}

function draw({ say, paint }: Teller, shops: readonly Shop[], shoppers: readonly Shopper[]): void {
  for (const [name, count] of countLast(shops, shoppers)) say(bar(paint, name, count, plural(count, 'shopper')));
}
