import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRequest, responseWith } from '../../test/support/heads.ts';
import { Fingerprints } from '../table/fingerprint.ts';
import { type Affinity, type ClientFacts, LearnedId, Recognition } from './affinity.ts';
import { LearnAffinity } from './learn.ts';

const now = 1_800_000_000;
const client: ClientFacts = { clientAddress: '1.2.3.4', clientSecure: false };
const names = new Fingerprints(Buffer.alloc(16, 'n'));
const all = { cookie: 'SID', header: 'X-Session', query: 'sid', parameter: 'jsessionid' };

function affinityOf(places: Partial<typeof all> = all): LearnAffinity {
  const none = { cookie: '', header: '', query: '', parameter: '' };
  return new LearnAffinity({ type: 'learn', idle: 0, absolute: 0, ...none, ...places }, { names, lifetime: 3 });
}

function hashOf(text: string): [number, number] {
  const out = { hi: 0, lo: 0 };
  const bytes = Buffer.from(text, 'latin1');
  names.hash(bytes, 0, bytes.length, out);
  return [out.hi, out.lo];
}

function recognise(affinity: LearnAffinity, target: string, ...lines: string[]): Recognition | null {
  const recognition = new Recognition();
  const head = readRequest([`GET ${target} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n'));
  return affinity.recognise(head, client, now, recognition) ? recognition : null;
}

function learn(affinity: LearnAffinity, recognition: Recognition, ...lines: string[]): LearnedId {
  const learned = new LearnedId();
  affinity.learn(recognition, responseWith(200, ...lines), client, now, learned);
  return learned;
}

describe('a request', () => {
  test.each<[string, string[], string | null]>([
    ['/', ['Cookie: a=1; SID=one; SID=two'], 'one'],
    ['/', ['Cookie: SID=; SID=two'], 'two'],
    ['/', ['Cookie: SID="one"'], 'one'],
    ['/', ['Cookie: $Version="1"; SID="one.node1";$Path="/";$Domain="a"'], 'one.node1'],
    ['/', ['Cookie: SID=""; SID="two"'], 'two'],
    ['/', ['x-session: one'], 'one'],
    ['/?sid=three;jsessionid=four', ['X-Session: two', 'Cookie: SID=one'], 'one'],
    ['/?sid=three', ['X-Session: two', 'Cookie: sid=one'], 'two'],
    ['/a;jsessionid=four?x=1&sid=three', [], 'three'],
    ['/?sid=&sid=b', [], 'b'],
    ['/?s%69d=a%2Fb+c%zz', [], 'a/b c%zz'],
    ['/?sid=a%4', [], 'a%4'],
    ['/a;JSessionId=four?x=1', [], 'four'],
    ['/a;x=1;jsessionid=four;y=2/b', [], 'four'],
    ['/a;jsessionid=four/b', [], 'four'],
    ['/a;jsessionid=;jsessionid=five', [], 'five'],
    ['/a?b;jsessionid=four', [], null],
    ['/a;xjsessionid=four;jsessionid', [], null],
    ['/?xsid=a&sidx=b&sid', [], null],
    ['/', ['Cookie: SID=', 'X-Session:'], null],
    ['/', [`Cookie: SID=${'x'.repeat(4097)}`], null],
    ['/', [`Cookie: SID=${'x'.repeat(4096)}`], 'x'.repeat(4096)],
    [`/?sid=${'%41'.repeat(4097)}`, [], null],
    [`/?sid=${'%41'.repeat(4096)}`, [], 'A'.repeat(4096)],
  ])('%s %j', (target, lines, name) => {
    const affinity = affinityOf();
    const recognition = recognise(affinity, target, ...lines);
    if (name === null) return expect(recognition).toBe(null);
    const [sid0, sid1] = hashOf(name);
    const known = { affinity, recognised: true, kind: 'key', proof: 'valid', owner: 0, epoch: 0, born: now };
    expect(recognition).toMatchObject({ ...known, sid0, sid1, key: sid0, tokenDue: false });
  });

  test('places without a name are not looked at; it binds nothing', () => {
    expect(recognise(affinityOf({ cookie: 'x' }), '/;=1?=2', 'X-Session: 3', 'Cookie: =1')).toBe(null);
    const affinity: Affinity = affinityOf();
    expect([affinity.lifetime, affinity.begin, affinity.bind]).toEqual([3, undefined, undefined]);
  });
});

describe('a response', () => {
  const gone = 'Set-Cookie: SID=; Path=/old; Max-Age=0';
  test.each<[string[], string | null, number]>([
    [['Set-Cookie: SID=one; Path=/; HttpOnly'], 'one', 0],
    [['Set-Cookie: SID=one; Max-Age=60'], 'one', now + 60],
    [['Set-Cookie: SID=one', 'A: b', 'Set-Cookie: SID=two', gone], 'two', 0],
    [[gone, 'X-Session: three'], 'three', 0],
    [['X-Session: three', 'X-Session: four'], 'three', 0],
    [['X-Session:', `X-Session: ${'x'.repeat(4097)}`, 'A: b', 'X-Session: four'], 'four', 0],
    [['Location: http://a/b;jsessionid=five?x=;jsessionid=six'], 'five', 0],
    [['Location: /b;jsessionid=five#top'], 'five', 0],
    [['Location: /?jsessionid=five', 'Set-Cookie: SIDX=one', 'Set-Cookie: x=SID=1'], null, 0],
    [[`Set-Cookie: SID=${'x'.repeat(4097)}`], null, 0],
  ])('%j', (lines, name, expires) => {
    const learned = learn(affinityOf(), new Recognition(), ...lines);
    if (name === null) return expect(learned).toEqual(new LearnedId());
    const [sid0, sid1] = hashOf(name);
    expect(learned).toEqual(Object.assign(new LearnedId(), { state: 'named', sid0, sid1, expires }));
  });

  test('ends only what the request carried, and what this affinity recognised', () => {
    const affinity = affinityOf();
    const recognition = recognise(affinity, '/', 'Cookie: SID=one') ?? new Recognition();
    expect(learn(affinity, recognition, gone).state).toBe('ended');
    expect(learn(affinity, recognition, 'Set-Cookie: SID=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT').state).toBe(
      'ended',
    );
    expect(learn(affinity, recognition, 'Set-Cookie: other=; Max-Age=0').state).toBe('nothing');
    expect(learn(affinity, new Recognition(), gone).state).toBe('nothing');
    expect(learn(affinityOf(), recognition, gone).state).toBe('nothing');
  });
});

test('any id that is set comes back among other cookies as the same session', () => {
  const id = fc.stringMatching(/^[!#-+\--:<-[\]-~]{1,80}$/);
  const others = fc.array(fc.stringMatching(/^[a-z]{1,4}=[!-:<-~]{0,9}$/), { maxLength: 4 });
  fc.assert(
    fc.property(
      fc.oneof(
        id,
        id.map((text) => `"${text}"`),
      ),
      others,
      others,
      (value, before, after) => {
        const affinity = affinityOf();
        const learned = learn(affinity, new Recognition(), `Set-Cookie: SID=${value}; Path=/`);
        const recognition = recognise(affinity, '/', `Cookie: ${[...before, `SID=${value}`, ...after].join('; ')}`);
        expect([recognition?.sid0, recognition?.sid1]).toEqual([learned.sid0, learned.sid1]);
        expect(learned.state).toBe('named');
      },
    ),
  );
});

test('nothing throws, whatever stands in targets, cookies and responses', () => {
  const path = fc.stringMatching(/^[;?&=%+/ajsesionid41-]{0,50}$/);
  const field = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,50}$/);
  fc.assert(
    fc.property(path, field, (target, text) => {
      recognise(affinityOf(), `/${target}`, `Cookie: SID=${text}`, `X-Session: ${text}`);
      learn(affinityOf(), new Recognition(), `Set-Cookie: ${text}`, `Set-Cookie: SID=${text}`, `Location: ;${target}`);
    }),
  );
});
