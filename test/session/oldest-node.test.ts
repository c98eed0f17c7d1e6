/** The session library as it is built, on the oldest Node that it promises: by `import` and by `require`, and a session each way. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { needProgram } from '../support/programs.ts';

const root = resolve(import.meta.dirname, '../..');
const parts = ['session', 'express', 'fastify', 'hono', 'koa', 'h3', 'next', 'sveltekit'];

const visit = `
const app = sessions({ strategy: 'local' });
const server = createServer(app.handle((request, response, session) => {
  session.data.visits = (session.data.visits ?? 0) + 1;
  response.end(String(session.data.visits));
}));
server.listen(0, async () => {
  const url = 'http://localhost:' + server.address().port;
  const first = await fetch(url);
  const [cookie] = first.headers.getSetCookie()[0].split(';');
  const second = await fetch(url, { headers: { cookie } });
  console.log(names.join(' '), await first.text(), await second.text());
  server.close();
  server.closeAllConnections();
  await app.close();
});`;

const forms = [
  [
    'require',
    ['--input-type=commonjs'],
    `const { createServer } = require('node:http');
     const names = ${JSON.stringify(parts)}.filter((part) => Object.keys(require('limpet/' + part)).length > 0);
     const { sessions } = require('limpet/session');`,
  ],
  [
    'import',
    ['--input-type=module'],
    `import { createServer } from 'node:http';
     import { sessions } from 'limpet/session';
     const names = [];
     for (const part of ${JSON.stringify(parts)}) if (Object.keys(await import('limpet/' + part)).length > 0) names.push(part);`,
  ],
] as const;

test.for(forms)('by %s', async ([_form, options, head], context) => {
  const node = needProgram(context, 'node22');
  // As a package has it.
  const built = process.env.LIMPET_TEST_MAIN;
  if (built === undefined) context.skip('nothing is built; npm test builds it first');
  const { stdout } = await promisify(execFile)(node, ['--no-warnings', ...options, '--eval', `${head}${visit}`], {
    cwd: root,
  });
  expect(stdout.trim()).toBe(`${parts.join(' ')} 1 2`);
});
