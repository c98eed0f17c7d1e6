/**
 * The description of a store for config, command line, session library and supervisor: how its address is written, and how it is opened.
 * `index.ts` lists all of them. A descriptor loads the code of its store only when it opens one, because the descriptor itself is loaded
 * wherever an address is checked.
 */
import type { Clock, Timers } from '../time/clock.ts';
import type { SteppedStore } from './rules.ts';
import type { Eviction, StoreOptions } from './store.ts';

export interface StoreDescriptor<Address> {
  /** The parts before the first colon of its addresses, in lower case. */
  readonly schemes: readonly string[];
  /** The forms of an address, for messages. */
  readonly forms: readonly string[];
  /** An explanation of the forms, at the end of the same messages. */
  readonly note?: string;
  /** For an address with the right scheme that is invalid: what is expected. */
  readonly expected: string;
  /** The address in the help of the command line: `lmdb:FOLDER`. */
  readonly usage: string;
  /** For the reference of the config: the forms of an address, and how long the copies last. */
  readonly meaning: string;
  /** Several processes can open the store, so the session library accepts it too: the form of address in the library's messages. */
  readonly shared?: string;
  /** An address may contain a password, so messages never show it. */
  readonly hasPassword?: true;
  /** The npm package that the store needs; left out: none. */
  readonly package?: string;
  /** Only of a store on a disk, which is always encrypted, including session ids: its key where the config has none. Throws a StoreError. */
  ownKey?(address: Address): Promise<Buffer>;

  /** The only reader of its addresses. null: the address is invalid. */
  parse(address: string): Address | null;
  /** Throws a StoreError when the store cannot be used. */
  open(address: Address, options: OpenOptions): Promise<SteppedStore>;
}

export interface OpenOptions extends StoreOptions {
  /** Milliseconds: the longest wait for a store on another machine. */
  readonly timeout: number;
  /** There are other balancers: the id of this one, and how many moves and ends of each pool are kept for them. Left out: there are none. */
  readonly fleet?: { readonly node: string; readonly history: number } | undefined;
  /** A store on a disk completes an operation when it is on the disk. */
  readonly sync: boolean;
  /** A store that is bounded by itself asks this what to drop. */
  readonly eviction: Eviction;
  readonly clock: Clock;
  readonly timers: Timers;
}
