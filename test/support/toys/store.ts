/** A store that Limpet does not have: in memory, and each put is a line in a file. See affinity.ts beside it. */
import { appendFileSync } from 'node:fs';
import type { StoreDescriptor } from '../../../src/store/descriptor.ts';
import type { Put, SessionKey } from '../../../src/store/store.ts';

export const toy = {
  schemes: ['toy'],
  forms: ['toy:/path'],
  expected: 'a path as in toy:/path',
  usage: 'toy:PATH',
  meaning: '`toy:PATH` (of this process)',
  parse(address) {
    const [, path] = /^toy:(\/.+)$/.exec(address) ?? [];
    return path === undefined ? null : { path };
  },
  async open({ path }, { clock, eviction, stateBytes, tombstoneTime }) {
    const { MemoryStore } = await import('../../../src/store/memory.ts');
    const store = new MemoryStore({ tombstoneTime, stateBytes, maxBytes: 2 ** 20, eviction }, () => clock.now());
    const put = store.put.bind(store);
    return Object.assign(store, {
      put(key: SessionKey, state: Put) {
        appendFileSync(path, `${key.pool} ${Buffer.from(state.data)}\n`);
        return put(key, state);
      },
    });
  },
} as const satisfies StoreDescriptor<{ readonly path: string }>;
