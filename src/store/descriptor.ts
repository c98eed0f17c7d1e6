/**
 * What config, command line, session library and supervisor have to know of a kind of store: how its address is written, and how it
 * is opened. `index.ts` lists them. A descriptor loads the store itself only when one is opened, because everyone who reads an
 * address reads this.
 */
import type { Clock, Timers } from '../time/clock.ts';
import type { SteppedStore } from './rules.ts';
import type { Eviction, StoreOptions } from './store.ts';

export interface StoreDescriptor<Address> {
  /** What stands before the first colon of an address, in lower case. */
  readonly schemes: readonly string[];
  /** How such an address looks, for messages: one for each form. */
  readonly forms: readonly string[];
  /** What else a message has to say of the forms. */
  readonly note?: string;
  /** What is expected of an address that has the scheme and is wrong all the same. */
  readonly expected: string;
  /** For the help of the command line: `lmdb:FOLDER`. */
  readonly usage: string;
  /** For the reference of the config: the forms, and how long the copies last. */
  readonly meaning: string;
  /** Several processes can have it open, so that the session library may use it by itself: how its message writes the address. */
  readonly shared?: string;
  /** An address may hold a password, so that no message may show it. */
  readonly hasPassword?: true;
  /** The package of npm that it needs; left out: none. */
  readonly package?: string;
  /** It lies on a disk, so it is always encrypted, session ids too: the key where nobody has named one. Throws a StoreError. */
  ownKey?(address: Address): Promise<Buffer>;

  /** The one place that knows how the address is written. null: it is none. */
  parse(address: string): Address | null;
  /** Throws a StoreError when the store cannot be used. */
  open(address: Address, options: OpenOptions): Promise<SteppedStore>;
}

export interface OpenOptions extends StoreOptions {
  /** Milliseconds: the longest wait for a store on another machine. */
  readonly timeout: number;
  /** lmdb: an answer means that the change is on the disk. */
  readonly sync: boolean;
  /** memory: how it makes room. */
  readonly eviction: Eviction;
  readonly clock: Clock;
  readonly timers: Timers;
}
