/** Sessions of another strategy of Limpet that the app used before. */
import { writeCookie } from '../cookie.ts';
import { cookieOf } from '../data/cookie-settings.ts';
import { asError, hasCode } from '../error.ts';
import type { Exchange, IncomingRequest, SessionProvider } from '../exchange.ts';
import type { FilledOptions } from '../filled-options.ts';
import type { MigrationSource, SourceSession } from './migration.ts';
import { gracePeriodMs } from './source-store.ts';

/** `sourceOptions`: the options of `provider`. `options`: those of the app now. */
export function strategySource(
  provider: SessionProvider,
  sourceOptions: FilledOptions,
  options: FilledOptions,
): MigrationSource {
  const isSticky = sourceOptions.strategy === 'sticky';
  const { name } = sourceOptions.cookie;
  return {
    find(incoming) {
      const mayHaveSession = isSticky
        ? incoming.header('limpet-session') !== undefined
        : (incoming.header('cookie') ?? '').includes(`${name}=`);
      return mayHaveSession ? find(incoming) : null;
    },
    close: () => provider.close(),
  };

  async function find(incoming: IncomingRequest): Promise<SourceSession | null> {
    const exchange = await openIfBalanced(provider, incoming);
    if (exchange === null || exchange.session.isNew || exchange.session.ended) return null;
    const { session } = exchange;
    const settings = cookieOf(session.data);
    // The cookie of `sticky` is the balancer's, and a cookie of the same name is replaced.
    const hasOwnCookie = !isSticky && (options.strategy === 'sticky' || name !== options.cookie.name);
    // A token of `stateless` cannot be taken back: the client forgets it, and copies of it expire.
    const end = async () => {
      if (sourceOptions.strategy !== 'stateless' && !session.ended) await session.destroy();
    };
    return {
      data: session.data,
      settings,
      retire: async () => {
        options.timers.after(gracePeriodMs, () => void end().catch((error) => options.onError(asError(error))));
      },
      end,
      cookieDeletion: hasOwnCookie
        ? writeCookie(sourceOptions, '', { secure: false, settings, previous: settings }).slice(0, 1)
        : [],
    };
  }
}

/** null: there is no balancer in front any more, or not yet. */
async function openIfBalanced(provider: SessionProvider, incoming: IncomingRequest): Promise<Exchange | null> {
  try {
    return await provider.open(incoming, false);
  } catch (error) {
    if (hasCode(error, 'no-balancer')) return null;
    throw error;
  }
}
