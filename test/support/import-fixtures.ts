/**
 * The configs of other balancers under test/fixtures/import/, a folder for each family, and what is known of their
 * stickiness. Beside a fixture NAME.conf (.cfg, .yaml) may stand NAME.sticky.yaml, a list of checks:
 *
 *     - client: cookie-jar         # keeps every cookie that it is given; or one of
 *                                  #   address            each client comes from an address of its own, in another /24
 *                                  #   { header: NAME }   sends a value of its own from the first request on
 *                                  #   { query: NAME }, { cookie: NAME }   likewise
 *                                  #   path               asks for a path of its own: {client} in `path` becomes its name
 *                                  #   { app-cookie: NAME }, { app-header: NAME }   the app names the session in its
 *                                  #                      first response, the client brings the name from then on
 *       path: /cart                # default /; never what a server is told by, only what is asked
 *       host: shop.example.org     # default localhost
 *       listener: 0                # which one of the imported config is asked; default 0
 *       headers: { X-Env: blue }   # sent with every request; default none
 *       clients: 24                # default 24
 *       requests: 5                # of each client; default 5. All of them must meet one server with status 200
 *       spread: 2                  # at least so many servers are met by all clients together; default 2
 *       routes: { s1: a, s2: b }   # with app-cookie and app-header: a server named s1 ends its session ids in `.a`
 *       servers: { a-1: s1 }       # with header, query, cookie: the values to send, and the server that each must meet
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const name = z.string().min(1);

const clientSchema = z.union([
  z.enum(['cookie-jar', 'address', 'path']),
  z.strictObject({ header: name }),
  z.strictObject({ query: name }),
  z.strictObject({ cookie: name }),
  z.strictObject({ 'app-cookie': name }),
  z.strictObject({ 'app-header': name }),
]);

const checkSchema = z.strictObject({
  client: clientSchema,
  path: z.string().startsWith('/').default('/'),
  host: name.default('localhost'),
  listener: z.int().min(0).default(0),
  headers: z.record(z.string(), z.string()).default({}),
  clients: z.int().min(2).max(200).default(24),
  requests: z.int().min(2).max(50).default(5),
  spread: z.int().min(1).default(2),
  routes: z.record(z.string(), z.string()).default({}),
  servers: z.record(z.string(), z.string()).optional(),
});

export type StickyCheck = z.infer<typeof checkSchema>;

export interface ImportFixture {
  readonly family: Family;
  /** `NAME.conf`. */
  readonly name: string;
  /** The whole path. */
  readonly file: string;
  readonly text: string;
  /** None without a file beside it. Throws when that is wrong. */
  checks(): StickyCheck[];
}

export const fixturesFolder = join(import.meta.dirname, '../fixtures/import');

/** The names of its folders. */
export type Family = string;
export const families: readonly Family[] = readdirSync(fixturesFolder).sort();

/** Every fixture of a family, by name. */
export function importFixtures(family: Family): ImportFixture[] {
  const folder = join(fixturesFolder, family);
  return globSync('*.{conf,cfg,yaml,yml,toml,json,caddy,Caddyfile}', { cwd: folder })
    .filter((file) => !/\.(?:sticky|expected)\.yaml$/.test(file))
    .sort()
    .map((found) => {
      const file = join(folder, found);
      return { family, name: found, file, text: readFileSync(file, 'utf8'), checks: () => checksOf(file) };
    });
}

function checksOf(file: string): StickyCheck[] {
  const beside = join(dirname(file), `${basename(file).replace(/\.[^.]*$/, '')}.sticky.yaml`);
  if (!existsSync(beside)) return [];
  return z
    .array(checkSchema)
    .min(1)
    .parse(parse(readFileSync(beside, 'utf8')));
}
