/** Looks up the host names of a config once, for commands that need to know its servers at this moment. */
import { standsForAll } from '../config/address.ts';
import type { LimpetOptions } from '../config/options.ts';
import { Names } from '../discovery/names.ts';
import { resolveServers } from '../discovery/servers.ts';
import { Counters } from '../metrics/counters.ts';
import { nodeNet } from '../net/node.ts';
import { systemTimers } from '../time/clock.ts';
import { findNames } from '../workers/find-names.ts';

/** A name that cannot be looked up stays as it is written. */
export async function resolveOnce(options: LimpetOptions): Promise<LimpetOptions> {
  if (!options.pools.some(({ servers }) => servers.some(standsForAll))) return options;
  const names = new Names({
    find: findNames({ net: nodeNet, timers: systemTimers }),
    timers: systemTimers,
    counters: new Counters(),
    log: { info() {}, warn() {} },
    onChange() {},
  });
  await names.follow(options);
  const pools = resolveServers(options.pools, names.addresses);
  names.stop();
  return { ...options, pools };
}
