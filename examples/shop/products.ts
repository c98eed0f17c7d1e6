/**
 * What the shop sells: eight things from the rock pool. Prices are whole cents.
 */

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly cents: number;
}

export const products: readonly Product[] = [
  {
    id: 'limpet',
    name: 'Limpet doorstop',
    text: 'Cast iron, felt foot. Stays exactly where you put it.',
    cents: 1850,
  },
  {
    id: 'periwinkle',
    name: 'Periwinkle egg cup',
    text: 'Stoneware in a slate glaze. Holds one egg, calmly.',
    cents: 900,
  },
  {
    id: 'starfish',
    name: 'Starfish trivet',
    text: 'Pressed cork, five arms, no opinions about hot pans.',
    cents: 1200,
  },
  { id: 'anemone', name: 'Anemone lamp', text: 'Opens in the evening. Warm light, woven cord.', cents: 6400 },
  { id: 'kelp', name: 'Kelp soap', text: 'Olive oil, sea salt and kelp. Smells of low water.', cents: 650 },
  {
    id: 'seaglass',
    name: 'Sea-glass pendant',
    text: 'Thirty winters in the surf, ten minutes with a drill.',
    cents: 2900,
  },
  { id: 'tides', name: 'Pocket tide tables', text: 'High and low water, sunrise, and a page for notes.', cents: 890 },
  { id: 'net', name: 'Rock-pool net', text: 'Ash handle, soft mesh. Look, count, let go.', cents: 1600 },
];

export const productById: ReadonlyMap<string, Product> = new Map(products.map((product) => [product.id, product]));

/** `1850` as `€18.50`. */
export function formatPrice(cents: number): string {
  return `€${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}
