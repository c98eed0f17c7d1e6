/** Requests made from the API's own description, right and wrong: each is answered, none with 500. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { playedAdmin } from '../../test/support/admin-api.ts';
import { createApp } from './app.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const app = createApp(playedAdmin().deps);
const document = (await (await app.request('/openapi.json')).json()) as Document;

/** Of the right type, mostly; else anything. */
function arbitraryOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const right = (): fc.Arbitrary<unknown> => {
    if (schema.$ref !== undefined)
      return arbitraryOf(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, depth + 1);
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
      case 'object': {
        const fields = Object.entries(schema.properties ?? {}).map(([name, one]) => [
          name,
          arbitraryOf(one, depth + 1),
        ]);
        return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
      }
      case 'array':
        return fc.array(arbitraryOf(schema.items ?? {}, depth + 1), { maxLength: 3 });
      case 'integer':
      case 'number':
        return fc.oneof(fc.integer(), fc.double());
      case 'boolean':
        return fc.boolean();
      default:
        return fc.oneof(
          fc.string(),
          fc.constantFrom('shop', 's1', '0f1e2d3c4b5a6978', 'known', '10m'),
          fc.constantFrom('', '\u0000', '\ud800', 'ü💥', '%2f', '..', '\r\nA: b'),
        );
    }
  };
  return depth > 4
    ? fc.constant(null)
    : fc.oneof({ weight: 5, arbitrary: right() }, fc.jsonValue(), fc.constant(undefined));
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

test.each(operations)('$method $path', async ({ path, method, operation }) => {
  const parameters = operation.parameters ?? [];
  const [[type, content] = ['application/json', { schema: {} }]] = Object.entries(operation.requestBody?.content ?? {});
  const request = fc.record({
    values: fc.tuple(...parameters.map(({ schema }) => arbitraryOf(schema))),
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constant(method) },
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    ),
    type: fc.oneof(
      { weight: 8, arbitrary: fc.constant(type) },
      fc.constantFrom('', 'text/plain', 'application/xml', 'application/json'),
    ),
    body: fc.oneof(arbitraryOf(content.schema), fc.string()),
    isRaw: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ values, method, type, body, isRaw }) => {
      let target = path;
      const query = new URLSearchParams();
      for (const [i, { name, in: place }] of parameters.entries()) {
        const text = typeof values[i] === 'string' ? values[i] : (JSON.stringify(values[i]) ?? '');
        if (place === 'path') target = target.replace(`{${name}}`, () => encodeURIComponent(text.toWellFormed()));
        else if (place === 'query') query.set(name, text);
      }
      const sent = isRaw && typeof body === 'string' ? body : (JSON.stringify(body) ?? '');
      const hasBody = method !== 'GET';
      const headers: Record<string, string> = hasBody && type !== '' ? { 'content-type': type } : {};
      const init = { method, headers, ...(hasBody && { body: sent }) };
      const reply = await app.request(`http://admin${target}${query.size > 0 ? `?${query}` : ''}`, init);
      expect(reply.status === 500 ? await reply.text() : '').toBe('');
      if (reply.headers.get('content-type') === 'text/event-stream') await reply.body?.cancel();
      else if (reply.status >= 400 && reply.status !== 503)
        expect(Object.keys((await reply.json()) as object)).toEqual(['error']);
    }),
    { numRuns: 40 },
  );
});
