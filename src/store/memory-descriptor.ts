/** Descriptor of the store in the memory of this process: `memory`, or `memory:256mb`. */
import type { StoreDescriptor } from './descriptor.ts';

/** Bytes, for an address without a size. */
const usualMaxBytes = 2 ** 30;

const units: Readonly<Record<string, number>> = { kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

export const memory = {
  schemes: ['memory'],
  forms: ['memory or memory:256mb'],
  expected: 'a size such as memory:256mb (kb, mb or gb)',
  usage: 'memory',
  meaning: '`memory` or `memory:256mb` (of this process)',
  parse(address) {
    if (address === 'memory') return { maxBytes: usualMaxBytes };
    const [, digits, unit = ''] = /^memory:([1-9]\d{0,5})(kb|mb|gb)$/i.exec(address) ?? [];
    const bytes = units[unit.toLowerCase()];
    return bytes === undefined ? null : { maxBytes: Number(digits) * bytes };
  },
  async open({ maxBytes }, { clock, eviction, stateBytes, tombstoneTime }) {
    const { MemoryStore } = await import('./memory.ts');
    return new MemoryStore({ tombstoneTime, stateBytes, maxBytes, eviction }, () => clock.now());
  },
} as const satisfies StoreDescriptor<{ readonly maxBytes: number }>;
