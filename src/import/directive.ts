/** The statements of nginx and Caddy: a name, arguments, and perhaps a block of further directives. */
export interface Directive {
  readonly name: string;
  /** Quotes and escapes are taken off. */
  readonly args: readonly string[];
  /** null: it has none. */
  readonly block: readonly Directive[] | null;
  /** Of its name, counted from 1. */
  readonly line: number;
  /** Every line on which something of it stands, its closing brace too, and nothing of its block. */
  readonly lines: readonly number[];
}
