/** The JSON Schema of the config: for editors, and for the page and the types that are made from it. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that zod writes for this schema. */
export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  /** The default in words, of a field that has no `default`: for the page and the types, not for editors. */
  readonly usual?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly required?: readonly string[];
}

/** What a person may write, before variables of the environment are put in. */
export function inputSchema(): JsonSchema {
  // Draft 7: what the YAML plugins of editors know best.
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as JsonSchema;
}

/** The JSON Schema for editors. Every scalar may be a `${NAME}` of the environment, whose value is not known yet. */
export function jsonSchema(): string {
  const { $schema, ...schema } = inputSchema();
  const definitions = {
    variable: { type: 'string', pattern: '\\$\\{', description: 'A variable of the environment.' },
  };
  const whole = { $schema, title: 'Configuration of Limpet', ...allowVariables(schema), definitions };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

const variable: JsonSchema = { $ref: '#/definitions/variable' };

function allowVariables(schema: JsonSchema): JsonSchema {
  const { title, description, default: filled, usual: _, ...rest } = schema;
  const about = Object.fromEntries(
    Object.entries({ title, description, default: filled }).filter(([, value]) => value !== undefined),
  );
  if (rest.anyOf !== undefined) {
    const branches = rest.anyOf.map((branch) => (isScalar(branch) ? branch : allowVariables(branch)));
    return { ...about, anyOf: rest.anyOf.some(isScalar) ? [...branches, variable] : branches };
  }
  if (isScalar(rest))
    return rest.type === 'string' && isFree(rest) ? { ...about, ...rest } : { ...about, anyOf: [rest, variable] };
  const { items, properties, additionalProperties } = rest;
  return {
    ...about,
    ...rest,
    ...(items === undefined ? {} : { items: allowVariables(items) }),
    ...(properties === undefined ? {} : { properties: mapValues(properties, allowVariables) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: allowVariables(additionalProperties) } : {}),
  };
}

function isScalar({ type, anyOf }: JsonSchema): boolean {
  return anyOf === undefined && type !== 'object' && type !== 'array';
}

/** Any text is allowed, so that of a variable is, too. */
function isFree(schema: JsonSchema): boolean {
  return schema.pattern === undefined && schema.enum === undefined && schema.const === undefined;
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
