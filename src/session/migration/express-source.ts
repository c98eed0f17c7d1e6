/** Sessions of express-session, for an app that does not use it any more: found by its signed cookie, in its store. */
import { cookieDeletion } from '../cookie.ts';
import { noSettings } from '../data/cookie-settings.ts';
import type { FilledOptions } from '../filled-options.ts';
import { settingsOf } from '../foreign/foreign-cookie.ts';
import { isForeignStore } from '../foreign/foreign-store.ts';
import type { FormerExpressSession } from '../options.ts';
import type { MigrationSource, SourceSession } from './migration.ts';
import { readSignedIds } from './signed-cookie.ts';
import { SourceStore } from './source-store.ts';

/** Throws TypeError without a store, or without a secret. */
export function expressSource(
  { store, secret, name = 'connect.sid' }: FormerExpressSession,
  options: FilledOptions,
): MigrationSource {
  const secrets = typeof secret === 'string' ? [secret] : (secret ?? []);
  if (!isForeignStore(Object(store)) || secrets.length === 0 || secrets.includes('')) {
    throw new TypeError(
      'from: found neither a strategy, nor a store of express-session with the secret of its cookies',
    );
  }
  const source = new SourceStore(store, options);
  return {
    find(incoming) {
      const ids = readSignedIds(incoming, name, secrets);
      return ids.length === 0 ? null : findFirst(ids);
    },
    async close() {},
  };

  async function findFirst(ids: readonly string[]): Promise<SourceSession | null> {
    for (const id of ids) {
      const found = await source.read(id);
      if (found === null) continue;
      const { cookie, ...data } = found;
      // Its lifetime is migrated as well; the other attributes are those of the new options.
      const { maxAge } = settingsOf(cookie, false, options.clock.wall());
      return {
        data,
        settings: maxAge === undefined ? noSettings : { maxAge },
        retire: () => source.retire(id, found),
        end: () => source.destroy(id),
        cookieDeletion: [['Set-Cookie', `${name}=; Path=/; ${cookieDeletion}`]],
      };
    }
    return null;
  }
}
