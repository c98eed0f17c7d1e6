/**
 * `npm run schema` makes docs/reference/limpet.schema.json, docs/reference/config.md and src/config/config.ts from the
 * schema. A test fails when one of them is not up to date.
 */
import { writeFileSync } from 'node:fs';
import { configTypes, defaultOf } from './declaration.ts';
import { inputSchema, type JsonSchema, jsonSchema } from './json-schema.ts';

const introduction = `# Config

<!-- Made by \`npm run schema\` from src/config/schema.ts. Edit there. -->

\`limpet --config limpet.yaml\`, or without a flag the \`limpet.yaml\` or \`limpet.config.ts\` of the current folder.
\`limpet check\` tells what is wrong with it, each mistake with file, line, field, what was found and what is expected.

\`\`\`yaml
# yaml-language-server: $schema=node_modules/limpet/docs/reference/limpet.schema.json
listeners: [{ address: ":8080" }]
pools:
  shop:
    servers: ["app1:3000", "app2:3000"]
    affinity:
      - cookie: { name: shop, idle: 30m, absolute: 8h }
    health: { path: /healthz }
keys:
  - \${LIMPET_KEY}
\`\`\`

The same as a module; its default export is the config:

\`\`\`ts
import { defineConfig } from 'limpet';

export default defineConfig({
  listeners: [{ address: ':8080' }],
  pools: { shop: { servers: ['app1:3000', 'app2:3000'], health: { path: '/healthz' } } },
  keys: [process.env.LIMPET_KEY ?? ''],
});
\`\`\`

\`limpet\` has to be installed beside it ([how](../../README.md#in-your-app)); in a checkout of Limpet import \`./src/index.ts\` instead. Node takes
\`limpet.config.ts\` for a module where package.json says \`"type": "module"\`, and \`limpet.config.mts\` everywhere.

**Times** are those of the Gateway API: up to four numbers with \`h\`, \`m\`, \`s\` or \`ms\`, such as \`500ms\` or \`1h30m\`. Where
none is allowed, \`off\` or \`0\` says so. **Sizes** are bytes, or carry \`k\`, \`M\` or \`G\` (units of 1,024; \`KiB\`, \`MiB\`, \`GiB\` too).

**Variables**: in any text value of YAML \`\${NAME}\` becomes the environment variable, \`\${NAME:-default}\` the default when it
is missing or empty, \`$$\` a dollar sign; \`$NAME\` and \`$(NAME)\` are refused. Between \`[ ]\` or \`{ }\` quote it: \`["\${LIMPET_KEY}"]\`. A missing variable is an error.
Numbers, \`true\` and \`false\` may come from a variable. Errors never show what a variable or a key holds.

**YAML** is that of version 1.2, one document of at most 16 MiB in UTF-8, in a file (no pipe, which could be read once only). An
alias (\`NAME: *ANCHOR\`) stands for a whole value; merge keys (\`<<\`), tags, and \`__proto__\`, \`constructor\` or \`prototype\` as a
name are refused, and so is a field that stands twice. JSON is YAML too.
`;

/** The reference page: one table for each part, a row for each field. */
export function configPage(): string {
  const tables: string[] = [];
  const visit = (title: string, schema: JsonSchema, about: string) => {
    const inner: (() => void)[] = [];
    const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
      const below = mapBelow(value);
      if (below !== undefined) {
        const path = `${title}.${key}${below.suffix}`.replace(/^top level\./, '');
        inner.push(() => visit(path, below.schema, value.description ?? ''));
      }
      const required = schema.required?.includes(key) === true;
      return `| \`${key}\` | ${typeText(value)} | ${defaultText(value, required)} | ${value.description ?? ''} |`;
    });
    const head = ['| field | value | default | meaning |', '| --- | --- | --- | --- |'];
    tables.push([`## ${title}`, '', ...(about === '' ? [] : [about, '']), ...head, ...rows].join('\n'));
    for (const next of inner) next();
  };
  visit('top level', inputSchema(), '');
  return `${introduction}\n${tables.join('\n\n')}\n`;
}

/** The map of fields inside a field: itself, of each list item, of each name, or one form of several. */
function mapBelow(schema: JsonSchema): { readonly schema: JsonSchema; readonly suffix: string } | undefined {
  const of = (inner: JsonSchema | false | undefined, suffix: string) => {
    const found = typeof inner === 'object' ? mapBelow(inner) : undefined;
    return found && { schema: found.schema, suffix: suffix + found.suffix };
  };
  if (schema.properties !== undefined) return { schema, suffix: '' };
  for (const branch of schema.anyOf ?? []) {
    const found = of(branch, '');
    if (found !== undefined) return found;
  }
  return of(schema.items, '[]') ?? of(schema.additionalProperties, '.NAME');
}

function typeText(schema: JsonSchema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((choice) => `\`${choice}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(' or ');
  if (schema.type === 'array') return `list of ${schema.items === undefined ? 'values' : typeText(schema.items)}`;
  if (schema.type === 'object') return 'map';
  if (schema.minimum !== undefined) return `${schema.minimum} to ${schema.maximum}`;
  return schema.type === 'boolean' ? '`true`, `false`' : 'text';
}

function defaultText(schema: JsonSchema, required: boolean): string {
  if (required) return '(required)';
  return schema.type === 'object' ? '' : defaultOf(schema);
}

if (import.meta.main) {
  const folder = new URL('../../docs/reference/', import.meta.url);
  writeFileSync(new URL('limpet.schema.json', folder), jsonSchema());
  writeFileSync(new URL('config.md', folder), configPage());
  writeFileSync(new URL('config.ts', import.meta.url), configTypes());
}
