import { expect, test } from 'vitest';
import { HandTime } from '../../test/support/hand-time.ts';
import type { SessionKey } from '../store/store.ts';
import { Entry, SessionTable } from '../table/table.ts';
import { MoveAgreements } from './move-agreements.ts';

const key = { pool: 'shop', id: '00000007000000090000000100000002' };
const tableKey = { hi: 7, lo: 9 };

/** Nodes that get each other's messages, each with a table of its own; `claimed` are the claims that have reached the store. */
function stage(names: readonly string[], isIntended = true) {
  const time = new HandTime(1_000_000);
  const claimed: unknown[] = [];
  const nodes = names.map((node) => {
    const table = SessionTable.create({ capacity: 1000 });
    table.bind(tableKey, 1, time.now() / 1000, new Entry());
    const agreements: MoveAgreements = new MoveAgreements({
      node,
      others: () => names.filter((other) => other !== node),
      table,
      store: {
        claim: (...args) => {
          claimed.push(args);
          return Promise.resolve({ state: 'ended' });
        },
      },
      publish: (text) => {
        for (const one of nodes) if (!silent.has(one.node)) one.agreements.onMessage(text);
        return Promise.resolve();
      },
      intend: (_key: SessionKey, intent) => {
        intents.push(intent);
        return Promise.resolve(isIntended);
      },
      clock: time,
      timers: time,
    });
    return { node, table, agreements };
  });
  const silent = new Set<string>();
  const intents: string[] = [];
  return { time, nodes, claimed, silent, intents };
}

const [one, two, three] = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'];
const unsure = (table: SessionTable) => {
  const entry = new Entry();
  table.find(tableKey, 1000, entry);
  return entry.unsure;
};

test('an owner that has failed is replaced without a question', async () => {
  const { nodes, claimed, intents } = stage([one, two]);
  await nodes[0]!.agreements.claim(key, 1, 7, 60_000);
  expect([claimed, intents, unsure(nodes[1]!.table)]).toEqual([[[key, 1, 7, 60_000, {}]], [], false]);
});

test('one that is up, when no node has a request of the session running; each asks the store before the next', async () => {
  const { nodes, claimed, intents, time } = stage([one, two, three]);
  expect(await nodes[0]!.agreements.claim(key, 1, 7, 60_000, { intent: 'move' })).toEqual({ state: 'ended' });
  expect(claimed).toEqual([[key, 1, 7, 60_000, { intent: intents[0] }]]);
  expect(nodes.map(({ table }) => unsure(table))).toEqual([false, true, true]);
  expect(time.pending).toBe(0);
});

test('a node that has one running keeps the session where it is', async () => {
  const { nodes, claimed } = stage([one, two, three]);
  nodes[2]!.table.enter(tableKey, 1000, new Entry());
  expect(await nodes[0]!.agreements.claim(key, 1, 7, 60_000, { intent: 'move' })).toEqual({ state: 'held' });
  expect(claimed).toEqual([]);
});

test('so does one that does not answer in time', async () => {
  const { nodes, claimed, silent, time } = stage([one, two]);
  silent.add(two);
  const claim = nodes[0]!.agreements.claim(key, 1, 7, 60_000, { intent: 'move' });
  await Promise.resolve();
  await Promise.resolve();
  time.advance(500);
  expect([await claim, claimed]).toEqual([{ state: 'held' }, []]);
});

test('a session of which the store has nothing stays', async () => {
  const { nodes, claimed } = stage([one, two], false);
  expect(await nodes[0]!.agreements.claim(key, 1, 7, 60_000, { intent: 'move' })).toEqual({ state: 'held' });
  expect(claimed).toEqual([]);
});

test('what is no message of a node is ignored', async () => {
  const { nodes } = stage([one, two]);
  const number = '0123456789abcdef';
  for (const text of [
    '',
    '?',
    `? ${one} ${number}`,
    `+ ${one} ${number} ${key.id}`,
    `? ${one} ${number} ${key.id} `,
    'x'.repeat(1e5),
  ])
    nodes[1]!.agreements.onMessage(text);
  expect(unsure(nodes[1]!.table)).toBe(false);
});
