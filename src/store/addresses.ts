/** The address of a store, whatever its kind: whose it is, whether it is right, and what a message may tell of it. */
import type { StoreDescriptor } from './descriptor.ts';
import { stores } from './index.ts';

/** Each gets only addresses that its own `parse` has made. */
type AnyStore = StoreDescriptor<unknown>;
const descriptors = stores as readonly AnyStore[];

/** What stands before the first colon. */
export function schemeOf(address: string): string {
  return address.split(':', 1).join('');
}

/** null: there is no store of that scheme. */
export function descriptorOf(address: string): AnyStore | null {
  return descriptors.find(({ schemes }) => schemes.includes(schemeOf(address))) ?? null;
}

/** It lies on a disk: without a key that somebody has named it gets one of its own. */
export function isAlwaysEncrypted(address: string): boolean {
  return descriptorOf(address)?.ownKey !== undefined;
}

export function isStoreAddress(address: string): boolean {
  const descriptor = descriptorOf(address);
  return descriptor !== null && descriptor.parse(address) !== null;
}

/** The same, of a store that several processes can have open. */
export function isSharedAddress(address: string): boolean {
  return descriptorOf(address)?.shared !== undefined && isStoreAddress(address);
}

/** All forms of an address, for an error. */
export const storeForm = [
  withOr(descriptors.flatMap(({ forms }) => forms)),
  ...descriptors.flatMap(({ note }) => note ?? []),
].join('; ');

/** For the help of the command line. */
export const storeUsage = withOr(descriptors.map(({ usage }) => usage));

/** For the reference of the config. */
export const storeMeaning = descriptors.map(({ meaning }) => meaning).join(', ');

/** For an error of the session library: the addresses of stores that it may open. */
export const sharedForms: readonly string[] = descriptors.flatMap(({ shared }) => shared ?? []);

function withOr(forms: readonly string[]): string {
  return [forms.slice(0, -1).join(', '), ...forms.slice(-1)].filter((part) => part !== '').join(' or ');
}

const withoutPassword = descriptors.filter(({ hasPassword }) => hasPassword !== true).flatMap(({ schemes }) => schemes);

/**
 * What may be told of the address of a store in an error, which may go into a log: where it is wrong nobody knows where in it
 * the password stands. So no more than its scheme, unless it is of a store that has no password.
 */
export function withoutSecrets(address: string): string {
  const hasNone = withoutPassword.includes(schemeOf(address).toLowerCase());
  if (hasNone || /^[\w+-]{0,20}$/.test(address)) return address.slice(0, 100);
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]{0,20}:(?:\/\/)?)/i.exec(address) ?? [];
  return `${scheme}***`;
}
