/** Descriptor of the store on a disk, for all processes of this machine: `lmdb:./folder`. */
import type { StoreDescriptor } from './descriptor.ts';
import { StoreError } from './store.ts';

export const lmdb = {
  schemes: ['lmdb'],
  forms: ['lmdb: with a folder such as lmdb:./data'],
  expected: 'a folder as in lmdb:./data',
  usage: 'lmdb:FOLDER',
  meaning: '`lmdb:FOLDER` (survives it)',
  shared: 'lmdb:./folder',
  package: 'lmdb',
  parse(address) {
    const [, path] = /^lmdb:([^\0]+)$/.exec(address) ?? [];
    return path === undefined ? null : { path };
  },
  /** The key is beside the data, where all processes that share them find it. */
  async ownKey({ path }) {
    const { folderKey, prepareFolder } = await import('./lmdb-folder.ts');
    try {
      prepareFolder(path);
      return folderKey(path);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new StoreError('unavailable', `the store ${path} cannot be opened: ${why}`, { cause: error });
    }
  },
  async open({ path }, { clock, secret, stateBytes, sync, tombstoneTime }) {
    const [{ keyCheck }, { LmdbStore }] = await Promise.all([import('./encrypted.ts'), import('./lmdb.ts')]);
    const check = secret === null ? 'plain' : keyCheck(secret);
    return LmdbStore.open({ tombstoneTime, stateBytes, path, sync, check }, () => clock.now());
  },
} as const satisfies StoreDescriptor<{ readonly path: string }>;
