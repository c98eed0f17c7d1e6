/** Requests made from an API's own description, right and wrong ones. */
import fc from 'fast-check';

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

/** Of /openapi.json, what is needed of it here. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface ApiOperation {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

/** `target`: path and query. `body` undefined: the method has none. */
export interface ApiRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export function operationsOf({ paths }: ApiDocument): ApiOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
}

/** Mostly of the right method, types and names, of which some are those that there are: `known`. */
export function requestsOf(
  document: ApiDocument,
  { path, method, operation }: ApiOperation,
  known: readonly string[],
): fc.Arbitrary<ApiRequest> {
  const parameters = operation.parameters ?? [];
  const [[type, content] = ['application/json', { schema: {} }]] = Object.entries(operation.requestBody?.content ?? {});
  const arbitrary = (schema: Schema) => arbitraryOf(document, schema, known);
  const parts = fc.record({
    values: fc.tuple(...parameters.map(({ schema }) => arbitrary(schema))),
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constant(method) },
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    ),
    type: fc.oneof(
      { weight: 8, arbitrary: fc.constant(type) },
      fc.constantFrom('', 'text/plain', 'application/xml', 'application/json'),
    ),
    body: fc.oneof(arbitrary(content.schema), fc.string()),
    isRaw: fc.boolean(),
  });
  return parts.map(({ values, method, type, body, isRaw }): ApiRequest => {
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
    return {
      method,
      target: `${target}${query.size > 0 ? `?${query}` : ''}`,
      headers,
      body: hasBody ? sent : undefined,
    };
  });
}

/** Of the right type, mostly; else anything. */
function arbitraryOf(
  document: ApiDocument,
  schema: Schema,
  known: readonly string[],
  depth = 0,
): fc.Arbitrary<unknown> {
  const inner = (one: Schema) => arbitraryOf(document, one, known, depth + 1);
  const right = (): fc.Arbitrary<unknown> => {
    if (schema.$ref !== undefined) return inner(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
      case 'object': {
        const fields = Object.entries(schema.properties ?? {}).map(([name, one]) => [name, inner(one)]);
        return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
      }
      case 'array':
        return fc.array(inner(schema.items ?? {}), { maxLength: 3 });
      case 'integer':
      case 'number':
        return fc.oneof(fc.integer(), fc.double());
      case 'boolean':
        return fc.boolean();
      default:
        return fc.oneof(
          fc.string(),
          fc.constantFrom(...known),
          fc.constantFrom('', '\u0000', '\ud800', 'ü💥', '%2f', '..', '\r\nA: b'),
        );
    }
  };
  return depth > 4
    ? fc.constant(null)
    : fc.oneof({ weight: 5, arbitrary: right() }, fc.jsonValue(), fc.constant(undefined));
}
