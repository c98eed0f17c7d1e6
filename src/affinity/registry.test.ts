import { describe, expect, test } from 'vitest';
import { affinitySchema } from '../config/affinity-schema.ts';
import { fieldKinds } from '../config/field-kinds.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { isBinder } from './affinity.ts';
import type { AffinityDependencies } from './descriptor.ts';
import { createAffinity, descriptorOf, descriptors } from './registry.ts';
import { SessionStatus } from './session-status.ts';
import { TokenRings } from './token.ts';

const dependencies: AffinityDependencies = {
  pool: 'shop',
  keys: [Buffer.alloc(32, 'k')],
  hashKey: Buffer.alloc(32, 'k'),
  names: new Fingerprints(Buffer.alloc(16, 'n')),
  statusOf: () => SessionStatus.unknown,
  sessions: false,
  lifetime: 3,
  skew: 60,
  onAhead() {},
  onLimited() {},
  idOf: () => 1,
  rings: new TokenRings(),
  randomWords() {},
};

/** One of each as a config has it. */
const written = {
  cookie: {},
  learn: 'SID',
  header: 'X-User',
  query: 'room',
  path: '^/rooms/([^/]+)',
  'socket.io': {},
  'source-ip': { mode: 'table' },
  'client-certificate': { by: 'subject' },
  rewrite: 'SID',
  route: { header: 'X-User', map: { tester: 's1' } },
  force: { header: 'Limpet-Force' },
} as const;

test('there is one of each type', () => {
  expect(descriptors.map(({ type }) => type).sort()).toEqual(Object.keys(written).sort());
  expect(() => descriptorOf({ type: 'toString' })).toThrow('there is no affinity toString');
});

describe.each(Object.entries(written))('%s', (type, value) => {
  const [options] = affinitySchema.parse([{ [type]: value }]);
  if (options === undefined) throw new Error(type);
  const descriptor = descriptorOf(options);

  test('its descriptor says of the affinity what is true', () => {
    const affinity = createAffinity(options, dependencies);
    expect(affinity.name).toBe(type);
    expect(isBinder(affinity)).toBe(descriptor.binds === true);
    expect('learn' in affinity || 'learnBody' in affinity).toBe(descriptor.learns === true);
    expect(affinity.lifetime).toBe(descriptor.timesOf(options) === null ? undefined : dependencies.lifetime);
    // Whoever tells the client something has a cookie for it.
    expect(affinity.allowed !== undefined).toBe(descriptor.cookiesOf !== undefined);
  });

  test('a word alone is the same as all defaults', () => {
    if (descriptor.wordRank === undefined) expect(affinitySchema.safeParse([type]).success).toBe(false);
    else expect(affinitySchema.parse([type])).toEqual(affinitySchema.parse([{ [type]: {} }]));
  });

  test('what its flag stands for is what a config may hold', () => {
    const { flag } = descriptor;
    if (flag === undefined || typeof value !== 'string') return;
    expect(flag.schema(fieldKinds).safeParse(value).success).toBe(true);
    expect(affinitySchema.parse([{ [type]: flag.written(value) }])).toEqual([options]);
  });
});
