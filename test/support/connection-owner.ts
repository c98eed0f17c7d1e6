/** A pool as one connection to a server sees it, for tests of that connection. */
import type { ConnectionOwner } from '../../src/proxy/server/connection-owner.ts';
import { PipeliningGuard } from '../../src/proxy/server/pipelining-guard.ts';

/** What is left out: it keeps no connection, and takes everything else without an effect. */
export function createConnectionOwner(given: Partial<ConnectionOwner> = {}): ConnectionOwner {
  const guard = new PipeliningGuard();
  return {
    settings: { name: 'app', limits: { interim: 1000 } },
    addIdle: () => false,
    removeIdle() {},
    onMisframed() {},
    onTlsFailed() {},
    pipeliningGuardOf: () => guard,
    offer() {},
    ...given,
  };
}
