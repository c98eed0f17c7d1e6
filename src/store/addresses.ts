/** Addresses of stores: which store an address belongs to, whether it is valid, and what of it a message may show. */
import type { StoreDescriptor } from './descriptor.ts';
import { stores } from './index.ts';

/** Each gets only what its own `parse` has returned. */
type AnyStore = StoreDescriptor<unknown>;
const descriptors = stores as readonly AnyStore[];

/** The part before the first colon. */
export function schemeOf(address: string): string {
  return address.split(':', 1).join('');
}

/** null: there is no store of that scheme. */
export function descriptorOf(address: string): AnyStore | null {
  return descriptors.find(({ schemes }) => schemes.includes(schemeOf(address))) ?? null;
}

/** A store on a disk: where the config has no key it makes its own. */
export function isAlwaysEncrypted(address: string): boolean {
  return descriptorOf(address)?.ownKey !== undefined;
}

export function isStoreAddress(address: string): boolean {
  const descriptor = descriptorOf(address);
  return descriptor !== null && descriptor.parse(address) !== null;
}

/** A valid address of a store that several processes can open. */
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

/** For an error of the session library: the forms of address that it accepts. */
export const sharedForms: readonly string[] = descriptors.flatMap(({ shared }) => shared ?? []);

function withOr(forms: readonly string[]): string {
  return [forms.slice(0, -1).join(', '), ...forms.slice(-1)].filter((part) => part !== '').join(' or ');
}

const withoutPassword = descriptors.filter(({ hasPassword }) => hasPassword !== true).flatMap(({ schemes }) => schemes);

/**
 * What a message, which may be logged, shows of an address. In a wrong address the password may stand anywhere, so only the scheme is
 * shown, except for stores whose addresses have no password.
 */
export function withoutSecrets(address: string): string {
  const hasNone = withoutPassword.includes(schemeOf(address).toLowerCase());
  if (hasNone || /^[\w+-]{0,20}$/.test(address)) return address.slice(0, 100);
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]{0,20}:(?:\/\/)?)/i.exec(address) ?? [];
  return `${scheme}***`;
}
