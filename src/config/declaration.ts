/**
 * The config as TypeScript declarations, made from the schema: an editor shows the description and the default of each
 * field on hover, which a type inferred from the schema would not have.
 */
import { inputSchema, type JsonSchema } from './json-schema.ts';

const header = `/**
 * The config as a person writes it: every field with its meaning and its default.
 * Made by \`npm run schema\` from src/config/schema.ts. Edit there.
 */

/** A time: up to four numbers with \`h\`, \`m\`, \`s\` or \`ms\`, such as \`500ms\`, \`30s\` or \`1h30m\`. */
export type Time = string;

/** A time such as \`30s\`; \`off\` or \`0\` for none. */
export type TimeOrOff = string | 0;

/** A number of bytes, also with \`k\`, \`M\` or \`G\` (units of 1,024): \`65536\`, \`64k\`, \`1M\`. */
export type Size = string | number;

/** A number, or its digits as text, which is what an environment variable gives. */
export type Numeric = number | \`\${number}\`;

/** Also as text, which is what an environment variable gives. */
export type Flag = boolean | 'true' | 'false';
`;

/** Of the config as a whole. */
const example = [
  'const config: Config = {',
  "  listeners: [{ address: ':8080' }],",
  "  pools: { shop: { servers: ['app1:3000', 'app2:3000'], affinity: [{ cookie: { idle: '30m' } }] } },",
  '};',
];

/** Kinds of values that have a type of their own above, by their title in the schema. */
const named: Readonly<Record<string, string>> = { time: 'Time', 'time or off': 'TimeOrOff', size: 'Size' };

export function configTypes(): string {
  const declared = new Declarations();
  declared.declare('', inputSchema(), 'What `defineConfig` takes and a config file holds.', example);
  return `${header}\n${declared.text()}`;
}

/** The most characters of a line. */
const width = 120;

class Declarations {
  /** By name, in the order of the schema: an interface stands before those of its fields. */
  private readonly interfaces = new Map<string, string>();
  /** Name of each shape that has been declared: equal shapes share it. */
  private readonly names = new Map<string, string>();

  /** Declares the map of fields at `path`; answers its name. */
  declare(path: string, schema: JsonSchema, about: string, example: readonly string[] = []): string {
    const { description: _, default: __, ...shape } = schema;
    const key = JSON.stringify(shape);
    const known = this.names.get(key);
    if (known !== undefined) return known;
    const name = nameOf(path);
    if (this.interfaces.has(name)) throw new Error(`two parts of the config would have the name ${name}`);
    this.names.set(key, name);
    // Reserves its place before those of its fields.
    this.interfaces.set(name, '');
    const fields = Object.entries(schema.properties ?? {}).map(([field, value]) => {
      const required = schema.required?.includes(field) === true;
      const type = this.typeOf(value, path === '' ? field : `${path}.${field}`);
      const key = /^\w+$/.test(field) ? field : `'${field}'`;
      return `${comment(aboutField(value, required), '  ')}${line(`  readonly ${key}${required ? '' : '?'}:`, type)}`;
    });
    this.interfaces.set(
      name,
      `${comment(withoutLinks(about), '', example)}export interface ${name} {\n${fields.join('')}}\n`,
    );
    return name;
  }

  text(): string {
    return [...this.interfaces.values()].join('\n');
  }

  /** The members of the union that a value may be. `about`: of the field that holds it. */
  private typeOf(schema: JsonSchema, path: string, about = ''): readonly string[] {
    const { description = about, title, type, anyOf, items, properties, additionalProperties } = schema;
    const alias = named[title ?? ''];
    if (alias !== undefined) return [alias];
    if (schema.const !== undefined) return [literal(schema.const)];
    if (schema.enum !== undefined) return schema.enum.map(literal);
    if (anyOf !== undefined) return unite(anyOf.flatMap((branch) => this.typeOf(branch, path, description)));
    if (properties !== undefined) return [this.declare(path, schema, description)];
    if (items !== undefined) return [`readonly ${grouped(this.typeOf(items, `${path}[]`, description))}[]`];
    if (typeof additionalProperties === 'object') {
      return [
        `{ readonly [name: string]: ${this.typeOf(additionalProperties, `${path}.NAME`, description).join(' | ')} }`,
      ];
    }
    if (type === 'integer' || type === 'number') return ['Numeric'];
    if (type === 'boolean') return ['Flag'];
    if (type === 'string') return ['string'];
    throw new Error(`the schema of ${path} has a kind that the declarations do not know: ${JSON.stringify(schema)}`);
  }
}

/** A union says each thing once, and text of any form says what a literal would. */
function unite(members: readonly string[]): readonly string[] {
  const isText = members.includes('string');
  const kept = members
    .filter((one) => !isText || !one.startsWith("'"))
    .map((one) => (isText && one === 'Numeric' ? 'number' : one));
  return [...new Set(kept)];
}

function grouped(members: readonly string[]): string {
  return members.length === 1 ? members.join() : `(${members.join(' | ')})`;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/** One line, or where that is too long a line for each member, as the formatter has it. */
function line(start: string, members: readonly string[]): string {
  const short = `${start} ${members.join(' | ')};\n`;
  return short.length <= width + 1 ? short : `${start}\n${members.map((one) => `    | ${one}`).join('\n')};\n`;
}

function aboutField(schema: JsonSchema, required: boolean): string {
  const { description = '', minimum, maximum } = schema;
  const hasRange = minimum !== undefined && maximum !== undefined;
  const range = hasRange ? ` From ${minimum.toLocaleString('en')} to ${maximum.toLocaleString('en')}.` : '';
  const filled = required ? '' : defaultOf(schema);
  return `${withoutLinks(description)}${range}${filled === '' ? '' : ` Default: ${filled}.`}`;
}

/** The links of a description are relative to the reference page. */
function withoutLinks(text: string): string {
  return text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

/** '' for none, and for a part whose fields have their own. */
export function defaultOf({ default: filled, usual = filled }: JsonSchema): string {
  if (usual === undefined || JSON.stringify(usual) === '{}') return '';
  if (usual === '') return 'empty';
  if (Array.isArray(usual)) return usual.length === 0 ? 'none' : usual.map((one) => `\`${one}\``).join(', ');
  const text = String(usual);
  // What stands for an absent field is said in words, which are not values of the field.
  const isSentence = /[ `]/.test(text) || (filled === undefined && (text === 'none' || text === 'any'));
  return isSentence ? text : `\`${text}\``;
}

/** A doc comment, wrapped; nothing for no text. */
function comment(text: string, indent: string, example: readonly string[] = []): string {
  if (text === '') return '';
  const single = `${indent}/** ${text} */\n`;
  if (single.length <= width + 1 && example.length === 0) return single;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && `${indent} * ${last} ${word}`.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  if (example.length > 0) lines.push('', '@example', '```ts', ...example, '```');
  return `${indent}/**\n${lines.map((one) => `${`${indent} * ${one}`.trimEnd()}\n`).join('')}${indent} */\n`;
}

/** Parts that are named otherwise than their path would say. */
const givenNames: Readonly<Record<string, string>> = {
  '': 'Config',
  'pools.NAME.servers[]': 'ServerConfig',
  'pools.NAME.affinity[]': 'AffinityConfig',
  'pools.NAME.affinity[].whenOwnerFails': 'RejectConfig',
};

/** `listeners[].limits` is ListenerLimitsConfig, `pools.NAME.affinity[].cookie` CookieAffinityConfig. */
function nameOf(path: string): string {
  const given = givenNames[path];
  if (given !== undefined) return given;
  const affinity = /^pools\.NAME\.affinity\[\]\.(socket\.io|[^.]+)(.*)$/.exec(path);
  if (affinity !== null) return `${pascal(affinity[1] ?? '')}Affinity${pascal(affinity[2] ?? '')}Config`;
  return `${pascal(path.replace('pools.NAME', 'pool').replaceAll(/s\[\]/g, ''))}Config`;
}

function pascal(path: string): string {
  return path
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}
