/** What was seen of one behaviour on one side. Ids and dates are named by what they are, so that two sides can be compared. */
import { sign } from './behaviour.ts';
import type { Seen } from './client.ts';

export class Transcript {
  readonly lines: string[] = [];
  private readonly ids: string[] = [];
  private readonly secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    this.secrets = secrets;
  }

  note(...values: unknown[]): void {
    this.lines.push(this.named(`  ${values.map(textOf).join(' ')}`));
  }

  /** From now on it is `#1` or the like. */
  learn(id: unknown): void {
    if (typeof id === 'string' && id.length > 12 && !this.ids.includes(id)) this.ids.push(id);
  }

  seen(what: string, { status, body, headers }: Seen): void {
    const cookies = (headers['set-cookie'] ?? []).filter((line) => !isOurs(line)).map((line) => this.cookie(line));
    const others = ['location', 'x-said'].filter((name) => headers[name] !== undefined);
    const lines = others.map((name) => `${name}=${headers[name]}`);
    this.lines.push(
      this.named(
        [what.replace(/cookie=.*/, 'cookie=...'), '->', status, JSON.stringify(body), ...lines, ...cookies].join(' '),
      ),
    );
  }

  named(text: string): string {
    return this.ids.reduce((all, id, n) => all.replaceAll(id, `#${n + 1}`), text);
  }

  /** Name, id, the secret by which it is signed, and its attributes, each as it is. */
  private cookie(line: string): string {
    const [pair = '', ...attributes] = line.split('; ');
    const value = decodeURIComponent(pair.slice(pair.indexOf('=') + 1));
    // That of @fastify/session has no mark.
    const [, mark = '', id = ''] = /^(s:)?(.{12,})\.[^.]*$/.exec(value) ?? [];
    const by = this.secrets.findIndex((one) => mark + sign(id, one) === value);
    if (by >= 0) this.learn(id);
    const shown = by < 0 ? value : `${mark}${id} by ${by}`;
    return `[${pair.slice(0, pair.indexOf('='))}=${shown}; ${attributes.map(dateless).join('; ')}]`;
  }
}

/** Cookies by which Limpet finds its own session. */
function isOurs(line: string): boolean {
  return /^(?:sid|limpet)=/.test(line);
}

export function minutes(date: Date | number): string {
  return `${Math.round((Number(date) - Date.now()) / 60_000)} min`;
}

function dateless(attribute: string): string {
  const date = /^Expires=(.*)$/.exec(attribute)?.[1];
  if (date === undefined) return attribute;
  return Date.parse(date) < Date.now() ? 'Expires in the past' : `Expires in ${minutes(new Date(date))}`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return minutes(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return JSON.stringify(value) ?? String(value);
}
