/**
 * The shop's sessions, kept the way most small apps keep them: in a Map of this process. When the process
 * dies they are gone. The Map is bounded: the session used least recently makes room for a new one.
 */

/** Said once, on the next page. */
export interface Notice {
  readonly title: string;
  readonly text: string;
}

export interface Session {
  /** 128 random bits, base64url; the value of the cookie. Changes at sign-in. */
  id: string;
  /** '' for a guest. */
  name: string;
  /** Product id to quantity, 1 to `maxQuantity`. */
  readonly cart: Map<string, number>;
  /** Requests of this session that this process answered. */
  served: number;
  notice: Notice | null;
}

export const maxQuantity = 99;

export class Sessions {
  private readonly byId = new Map<string, Session>();
  private readonly limit: number;
  private readonly newId: () => string;

  constructor(limit: number, newId: () => string) {
    this.limit = limit;
    this.newId = newId;
  }

  get size(): number {
    return this.byId.size;
  }

  /** Things in all carts of this process. */
  get things(): number {
    let sum = 0;
    for (const session of this.byId.values()) sum += countThings(session);
    return sum;
  }

  /** The session of that id, now the one used last. An id we did not give out is never adopted (fixation). */
  find(id: string): Session | undefined {
    const session = this.byId.get(id);
    if (session === undefined) return undefined;
    this.byId.delete(id);
    this.byId.set(id, session);
    return session;
  }

  create(): Session {
    const session: Session = { id: this.newId(), name: '', cart: new Map(), served: 0, notice: null };
    if (this.byId.size >= this.limit) {
      const [oldest] = this.byId.keys();
      if (oldest !== undefined) this.byId.delete(oldest);
    }
    this.byId.set(session.id, session);
    return session;
  }

  /** A fresh id for the same session: one that was known before sign-in is worth nothing after it. */
  rotate(session: Session): void {
    this.byId.delete(session.id);
    session.id = this.newId();
    this.byId.set(session.id, session);
  }

  delete(session: Session): void {
    this.byId.delete(session.id);
  }
}

export function countThings(session: Session): number {
  let sum = 0;
  for (const quantity of session.cart.values()) sum += quantity;
  return sum;
}
