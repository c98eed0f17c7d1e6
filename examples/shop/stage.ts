/**
 * What the tour's chapters share: three shops with a balancer before them, a crowd of shoppers, and bars.
 */
import { type Running, type Shop, shopNames, startBalancer, startShop } from './processes.ts';
import { products } from './products.ts';
import { Shopper } from './shopper.ts';
import { type Paint, paintServer } from './terminal.ts';

export interface Teller {
  readonly say: (line: string) => void;
  readonly paint: Paint;
}

export interface Stage extends AsyncDisposable {
  readonly shops: readonly Shop[];
  readonly balancer: Running;
}

export const crowdSize = 30;
export const thingsEach = 3;

/** Prints the chapter's title, if it has one of its own, and the command, and starts its processes. */
export async function openStage(
  { say, paint }: Teller,
  title: string,
  flags: readonly string[],
  shopFlags: readonly string[] = ['--sessions', 'local'],
): Promise<Stage> {
  const shops = await Promise.all(shopNames.map((name) => startShop(name, 0, shopFlags)));
  const balancer = await startBalancer(shops, 0, flags, () => {});
  if (title !== '') say(`\n${paint('bold', title)}`);
  say(paint('dim', `   limpet ${shops.map((shop) => shop.port).join(' ')} ${flags.join(' ')}`));
  const dispose = async () => {
    await balancer.stop();
    await Promise.all(shops.map((shop) => shop.stop()));
  };
  return { shops, balancer, [Symbol.asyncDispose]: dispose };
}

/** Everybody signs in, adds three things and looks, all at the same time. `whole`: carts with all three. */
export async function crowd(url: string): Promise<{ shoppers: Shopper[]; whole: number }> {
  const shoppers = Array.from({ length: crowdSize }, (_, index) => new Shopper(`Shopper ${index + 1}`, url));
  const shown = await Promise.all(
    shoppers.map(async (shopper) => {
      await shopper.signIn();
      for (const product of products.slice(0, thingsEach)) await shopper.add(product.id);
      return shopper.look();
    }),
  );
  return { shoppers, whole: shown.filter((things) => things === thingsEach).length };
}

/** A bar for each server: how many shoppers met it last. */
export function drawShares(
  { say, paint }: Teller,
  shops: readonly Shop[],
  shoppers: readonly Shopper[],
): Map<string, number> {
  const counts = countLast(shops, shoppers);
  for (const [name, count] of counts) say(bar(paint, name, count, plural(count, 'shopper')));
  return counts;
}

/** How many shoppers met each server last. */
export function countLast(shops: readonly Shop[], shoppers: readonly Shopper[]): Map<string, number> {
  const counts = new Map(shops.map((shop) => [shop.name, 0]));
  for (const { last } of shoppers) if (last !== undefined) counts.set(last.server, (counts.get(last.server) ?? 0) + 1);
  return counts;
}

export function bar(paint: Paint, name: string, length: number, text: string): string {
  return `   ${paintServer(paint, name, `${name.padEnd(6)}${'█'.repeat(length)}`)}${length > 0 ? ' ' : ''}${text}`;
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** What a shop holds, asked directly, past the balancer. */
export async function ask(shop: Shop): Promise<{ sessions: number; things: number }> {
  const answer: unknown = await (await fetch(`${shop.url}/healthz`)).json();
  if (typeof answer !== 'object' || answer === null) throw new Error(`${shop.name} answers nonsense`);
  const { sessions, things } = { sessions: Number.NaN, things: Number.NaN, ...answer };
  return { sessions, things };
}
