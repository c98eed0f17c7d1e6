/** Parses rules of Traefik: calls with quoted values, joined by && and ||, negated by !, in parentheses. */

export type Condition =
  | { readonly kind: 'or' | 'and'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly inner: Condition }
  | Call;

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly string[];
  /** Its text in the rule. */
  readonly text: string;
}

/** The parser calls itself once for each level. */
const maxDepth = 100;

/** Names are case-insensitive; this is their usual spelling. */
const names = [
  'Host',
  'HostHeader',
  'HostRegexp',
  'HostSNI',
  'Path',
  'PathPrefix',
  'PathRegexp',
  'Method',
  'Methods',
  'Header',
  'Headers',
  'HeaderRegexp',
  'HeadersRegexp',
  'Query',
  'QueryRegexp',
  'ClientIP',
];

/** Returns the reason as a string if the rule cannot be parsed. */
export function parseRule(text: string): Condition | string {
  const reader = new RuleReader(text);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof RuleMistake) return error.message;
    throw error;
  }
}

class RuleMistake extends Error {}

class RuleReader {
  private readonly text: string;
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Condition {
    const rule = this.or();
    if (this.at < this.text.length) this.refuse('&&, || or the end');
    return rule;
  }

  private or(): Condition {
    return this.joined('or', '||', () => this.joined('and', '&&', () => this.one()));
  }

  private joined(kind: 'or' | 'and', operator: string, next: () => Condition): Condition {
    const parts = [next()];
    while (this.take(operator)) parts.push(next());
    return parts.length === 1 ? (parts[0] as Condition) : { kind, parts };
  }

  private one(): Condition {
    if (++this.depth > maxDepth) this.refuse(`at most ${maxDepth} levels`);
    const found = this.take('!') ? ({ kind: 'not', inner: this.one() } as const) : this.group();
    this.depth--;
    return found;
  }

  private group(): Condition {
    if (!this.take('(')) return this.call();
    const inner = this.or();
    if (!this.take(')')) this.refuse('a closing parenthesis');
    return inner;
  }

  private call(): Call {
    this.skip();
    const from = this.at;
    const [word] = /^[A-Za-z]+/.exec(this.text.slice(this.at, this.at + 40)) ?? [];
    if (word === undefined) this.refuse('a condition such as Host(`example.org`)');
    this.at += word.length;
    if (!this.take('(')) this.refuse(`"(" after ${word}`);
    const args: string[] = [];
    do args.push(this.quoted());
    while (this.take(','));
    if (!this.take(')')) this.refuse('a closing parenthesis');
    const name = names.find((known) => known.toLowerCase() === word.toLowerCase()) ?? word;
    const text = this.text.slice(from, this.at).trim();
    return { kind: 'call', name: name === 'Methods' ? 'Method' : name, args, text };
  }

  private quoted(): string {
    this.skip();
    const quote = this.text[this.at] ?? '';
    const end = quote === '`' || quote === '"' || quote === "'" ? this.text.indexOf(quote, this.at + 1) : -1;
    if (end < 0) this.refuse('a value between backticks or quotes');
    const value = this.text.slice(this.at + 1, end);
    this.at = end + 1;
    return quote === '"' ? value.replace(/\\(.)/g, '$1') : value;
  }

  private skip(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  private take(operator: string): boolean {
    this.skip();
    if (!this.text.startsWith(operator, this.at)) return false;
    this.at += operator.length;
    this.skip();
    return true;
  }

  private refuse(expected: string): never {
    const found = this.text.slice(this.at, this.at + 20);
    throw new RuleMistake(`found ${found === '' ? 'the end' : `"${found}"`}, expected ${expected}`);
  }
}
