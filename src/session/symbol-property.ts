/**
 * A property by a symbol that nobody else has, for what belongs to a request or a response: a WeakMap would hash each of them, and
 * have the garbage collector look at all.
 */
export class Slot<Holder extends object, Value> {
  private readonly key: symbol;

  /** `name`: what the property is called where somebody prints the holder. */
  constructor(name: string) {
    this.key = Symbol(name);
  }

  get(holder: Holder): Value | undefined {
    return Object(holder)[this.key];
  }

  /** undefined: it has none any more. */
  set(holder: Holder, value: Value | undefined): void {
    Object(holder)[this.key] = value;
  }
}
