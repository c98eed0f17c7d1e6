import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  isAlwaysEncrypted,
  isSharedAddress,
  isStoreAddress,
  schemeOf,
  storeForm,
  withoutSecrets,
} from './addresses.ts';
import type { StoreDescriptor } from './descriptor.ts';
import { stores } from './index.ts';

test.each([
  ['memory', true, false, false],
  ['memory:256mb', true, false, false],
  ['memory:256MB', true, false, false],
  ['memory:', false, false, false],
  ['memory:0mb', false, false, false],
  ['Memory', false, false, false],
  ['lmdb:./data', true, true, true],
  ['lmdb:', false, false, true],
  ['LMDB:./data', false, false, false],
  ['lmdb:a\0b', false, false, true],
  ['redis://user:p%40ss@host:6380/2', true, true, false],
  ['redis+sentinel://a:1,b:2/shop', true, true, false],
  ['redis://user:p@ss@host', false, false, false],
  ['mysql://host', false, false, false],
  ['', false, false, false],
])('%j: an address %s, shared %s, always encrypted %s', (address, isOne, shared, encrypted) => {
  expect([isStoreAddress(address), isSharedAddress(address), isAlwaysEncrypted(address)]).toEqual([
    isOne,
    shared,
    encrypted,
  ]);
});

test.each([
  ['memory:256mb', 'memory', 'memory:256mb'],
  ['LMDB:./data', 'LMDB', 'LMDB:./data'],
  ['rediss://user:secret@host', 'rediss', 'rediss://***'],
  ['redis:secret', 'redis', 'redis:***'],
  ['redis', 'redis', 'redis'],
  ['user:secret@host', 'user', 'user:***'],
])('of %j a message may tell %j', (address, scheme, told) => {
  expect([schemeOf(address), withoutSecrets(address)]).toEqual([scheme, told]);
});

test('each scheme has one store, and each form is in the message', () => {
  const schemes = stores.flatMap((store) => [...store.schemes]);
  expect(new Set(schemes).size).toBe(schemes.length);
  for (const form of stores.flatMap((store) => [...store.forms])) expect(storeForm).toContain(form);
});

test('what a store needs is an optional peer of the package', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
    readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  };
  const needed = (stores as readonly StoreDescriptor<unknown>[]).flatMap((store) => store.package ?? []);
  expect(needed).toEqual(['lmdb', 'ioredis']);
  for (const name of needed) {
    expect(manifest.peerDependencies).toHaveProperty(name);
    expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
  }
});
