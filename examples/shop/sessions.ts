/**
 * What the shop keeps of a shopper, in a session of `limpet/session`: plain data. Where it lives (strategy sticky, local,
 * shared or stateless) is one word of `server.ts`, and nothing here or in the pages knows it.
 */
import type { Session } from '../../src/session/index.ts';

/** Said once, on the next page. */
export interface Notice {
  readonly title: string;
  readonly text: string;
}

export interface State {
  /** '' for a guest. */
  name: string;
  /** Product id to quantity, 1 to `maxQuantity`. */
  cart: Record<string, number>;
  notice: Notice | null;
}

export const maxQuantity = 99;

/** What it holds now; a visitor of whom nothing is kept has an empty cart. Change it with `session.set`. */
export function stateOf(session: Session): State {
  const { name = '', cart = {}, notice = null } = session.data as Partial<State>;
  return { name, cart, notice };
}

export function countThings({ cart }: Pick<State, 'cart'>): number {
  return Object.values(cart).reduce((sum, quantity) => sum + quantity, 0);
}

/** What this process has seen of a session. */
interface Seen {
  served: number;
  things: number;
}

/** For the strip and for `/healthz`: what this process saw last of the sessions it served, by id; bounded. */
export class Sightings {
  private readonly byId = new Map<string, Seen>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get sessions(): number {
    return this.byId.size;
  }

  get things(): number {
    let sum = 0;
    for (const { things } of this.byId.values()) sum += things;
    return sum;
  }

  /** One request of it more, under the id that it had before (the same, or another one before sign-in). */
  serve(session: Session, before: string): void {
    const seen = this.byId.get(before) ?? { served: 0, things: 0 };
    this.byId.delete(before);
    if (session.ended) return;
    seen.served += 1;
    seen.things = countThings(stateOf(session));
    this.byId.set(session.id, seen);
    const [oldest] = this.byId.keys();
    if (this.byId.size > this.limit && oldest !== undefined) this.byId.delete(oldest);
  }

  servedOf({ id }: Session): number {
    return this.byId.get(id)?.served ?? 0;
  }
}
