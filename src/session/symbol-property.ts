/**
 * A property under a symbol that nobody else has, for what belongs to a request or a response. A WeakMap would hash each of them, and
 * the garbage collector would have to look at all its entries.
 */
export class SymbolProperty<Holder extends object, Value> {
  private readonly key: symbol;

  /** `name`: how the property is shown when the holder is printed. */
  constructor(name: string) {
    this.key = Symbol(name);
  }

  get(holder: Holder): Value | undefined {
    return Object(holder)[this.key];
  }

  /** `value` undefined removes it. */
  set(holder: Holder, value: Value | undefined): void {
    Object(holder)[this.key] = value;
  }
}
