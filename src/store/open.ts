/** Opens a store by its address. */
import { descriptorOf, storeForm, withoutSecrets } from './addresses.ts';
import type { OpenOptions } from './descriptor.ts';
import { EncryptedStore, sealBytes } from './encrypted.ts';
import type { Store } from './store.ts';

/** Throws a RangeError for an invalid address, and a StoreError when the store cannot be used. */
export async function openStore(written: string, options: OpenOptions): Promise<Store> {
  const { stateBytes } = options;
  const descriptor = descriptorOf(written);
  const address = descriptor?.parse(written) ?? null;
  if (descriptor === null || address === null) {
    const found = JSON.stringify(withoutSecrets(written));
    throw new RangeError(`store: found ${found}, expected ${descriptor?.expected ?? storeForm}`);
  }
  const secret = options.secret ?? (await descriptor.ownKey?.(address)) ?? null;
  if (secret === null) return descriptor.open(address, options);
  const store = await descriptor.open(address, { ...options, secret, stateBytes: stateBytes + sealBytes });
  try {
    return new EncryptedStore(store, secret, stateBytes, { hideIds: descriptor.ownKey !== undefined });
  } catch (error) {
    await store.close();
    throw error;
  }
}
