import { describe, expect, test } from 'vitest';
import { readConfig } from '../config/read.ts';
import { idSecret, serverId } from '../fleet/id.ts';
import { createSingleWorker } from '../shared/single-worker.ts';
import { createFleet, idKeysOf } from './fleets.ts';

const [old, key, secret] = ['o', 'k', 's'].map((letter) => Buffer.alloc(32, letter)) as [Buffer, Buffer, Buffer];
const fleetStore = { fleet: { store: 'redis://10.0.0.5:6379' } };

/** The servers of a balancer with those token keys and that secret. */
function fleetWith(keys: readonly Buffer[], more: object = {}) {
  const config = {
    listeners: [{ address: ':8080' }],
    pools: { shop: { servers: [{ name: 's1', address: '10.0.0.1:3000' }] } },
    keys: keys.map((one) => one.toString('hex')),
    ...more,
  };
  const source = { name: 'test', locate: () => null };
  const { options } = readConfig(config, { source, env: {}, variables: false });
  const { shared, numbers } = createSingleWorker(options, 0);
  return createFleet(options.pools[0]!, { load: shared.load, numbers, idKeys: idKeysOf(options, secret) });
}

const serverWith = (...args: Parameters<typeof fleetWith>) => fleetWith(...args).servers[0]!;
const idUnder = (one: Buffer) => serverId('s1', idSecret('shop', one));

describe('in a fleet', () => {
  test('the ids in the store and those of hashing are the same at all nodes, whatever their token keys', () => {
    for (const keys of [[old], [key, old], [key]]) {
      expect(serverWith(keys, fleetStore)).toMatchObject({
        id: idUnder(secret),
        storeId: idUnder(secret),
        tokenId: idUnder(keys[0]!),
      });
    }
  });

  test('a token of any key, and a record of any version, names the server', () => {
    const fleet = fleetWith([key, old], fleetStore);
    for (const one of [secret, key, old]) expect(fleet.find(idUnder(one))?.name).toBe('s1');
    expect(fleetWith([key], fleetStore).find(idUnder(old))).toBeUndefined();
  });
});

describe('without a fleet', () => {
  test('balancers with the same keys place alike, and name alike what they may share', () => {
    const [id, own] = [idUnder(key), idUnder(secret)];
    expect(serverWith([key, old])).toMatchObject({ id, tokenId: id, storeId: own });
    const inRedis = { sessions: { store: 'redis://10.0.0.5:6379' } };
    expect(serverWith([key, old], inRedis)).toMatchObject({ id, tokenId: id, storeId: id });
  });

  test('what is stored on this machine alone names the server by the same id after another token key', () => {
    const onDisk = { sessions: { store: 'lmdb:./copies' } };
    for (const keys of [[old], [key, old], [key]]) expect(serverWith(keys, onDisk).storeId).toBe(idUnder(secret));
  });
});
