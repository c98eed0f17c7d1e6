import { expect, test } from 'vitest';
import { responseWith } from '../../test/support/heads.ts';
import { sessionOf } from '../../test/support/session.ts';
import type { Affinity, LearnedId } from '../affinity/affinity.ts';
import type { Server } from '../fleet/server.ts';
import { learnFromHead, SessionIdSniffer } from './learning.ts';

const now = 1000;
const server = {} as Server;
const client = { clientAddress: '', clientSecure: false };

/** An affinity that finds what is handed in, and owners that record it. */
function stage(state: LearnedId['state'], inBody = '') {
  const recorded: LearnedId['state'][] = [];
  const affinity: Affinity = {
    name: 'learn',
    recognise: () => false,
    learn: (_recognition, _response, _client, _now, learned) => {
      learned.state = state;
    },
    learnBody: (text, _now, learned) => {
      if (!text.includes('\n')) return false;
      if (text.includes(inBody)) learned.state = 'named';
      return true;
    },
  };
  const owners = { owners: { learn: ({ state }: LearnedId) => recorded.push(state) > 0 }, recorder: null };
  return { affinity, owners, recorded };
}

test('what a head says of an id is recorded; only a new id is one that the client has', () => {
  for (const state of ['nothing', 'named', 'ended'] as const) {
    const { affinity, owners, recorded } = stage(state);
    expect(learnFromHead(affinity, owners, sessionOf(), server, responseWith(200), client, now)).toEqual(
      state === 'nothing' ? null : { state, recorded: null },
    );
    expect(recorded).toEqual(state === 'nothing' ? [] : [state]);
  }
});

test('an affinity that does not learn says nothing', () => {
  const { owners, recorded } = stage('named');
  const affinity: Affinity = { name: 'path', recognise: () => false };
  expect(learnFromHead(affinity, owners, sessionOf(), server, responseWith(200), client, now)).toBeNull();
  expect(recorded).toEqual([]);
});

test('a body is read piece by piece until there is enough of it', () => {
  const { affinity, owners, recorded } = stage('nothing', 'sid=7');
  const sniffer = new SessionIdSniffer();
  const read = (text: string) => sniffer.read(Buffer.from(text), owners, sessionOf(), server, now);
  expect(sniffer.begin(affinity, responseWith(200))).toBe(true);
  expect([read('si'), read('d=7'), recorded]).toEqual([true, true, []]);
  expect([read('\n'), recorded]).toEqual([false, ['named']]);
  // It has what it looked for.
  expect([read('sid=7\n'), recorded]).toEqual([false, ['named']]);
});

test('a body without an id is read to where it would be, and one of an error not at all', () => {
  const { affinity, owners, recorded } = stage('nothing', 'sid=7');
  const sniffer = new SessionIdSniffer();
  expect(sniffer.begin(affinity, responseWith(404))).toBe(false);
  expect(sniffer.begin(null, responseWith(200))).toBe(false);
  expect(sniffer.begin(affinity, responseWith(200))).toBe(true);
  expect(sniffer.read(Buffer.from('other\n'), owners, sessionOf(), server, now)).toBe(false);
  expect(recorded).toEqual([]);
});
