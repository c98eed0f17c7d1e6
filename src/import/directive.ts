/** The statements of nginx and Caddy: a name, arguments, and perhaps a block of further directives. */
export interface Directive {
  readonly name: string;
  /** Without quotes and escapes. */
  readonly args: readonly string[];
  /** null for a directive without a block. */
  readonly block: readonly Directive[] | null;
  /** The line of its name, counted from 1. */
  readonly line: number;
  /** All lines that it occupies, including that of the closing brace, but not those of its block. */
  readonly lines: readonly number[];
}
