/** Requests made from the API's own description, right and wrong: each is answered, none with 500. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { playedAdmin } from '../../test/support/admin-api.ts';
import { type ApiDocument, operationsOf, requestsOf } from '../../test/support/api-fuzz.ts';
import { createApp } from './app.ts';

const app = createApp(playedAdmin().deps);
const document = (await (await app.request('/openapi.json')).json()) as ApiDocument;
const known = ['shop', 's1', '0f1e2d3c4b5a6978', 'known', '10m'];

test.each(operationsOf(document))('$method $path', async (operation) => {
  await fc.assert(
    fc.asyncProperty(requestsOf(document, operation, known), async ({ method, target, headers, body }) => {
      const init = { method, headers, ...(body !== undefined && { body }) };
      const reply = await app.request(`http://admin${target}`, init);
      expect(reply.status === 500 ? await reply.text() : '').toBe('');
      if (reply.headers.get('content-type') === 'text/event-stream') await reply.body?.cancel();
      else if (reply.status >= 400 && reply.status !== 503)
        expect(Object.keys((await reply.json()) as object)).toEqual(['error']);
    }),
    { numRuns: 40 },
  );
});
