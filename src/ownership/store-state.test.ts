import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextStoreState, type StoreEvent, type StoreState } from './store-state.ts';

const records: readonly StoreEvent[] = ['record-known', 'record-unannounced', 'record-missing', 'record-ending'];
const answers: readonly StoreEvent[] = ['answered', 'answered-ended', 'failed'];

/** What these events lead to from the beginning of an exchange. */
const stateAfter = (...events: StoreEvent[]): StoreState => events.reduce<StoreState>(nextStoreState, 'not-asked');

describe('what an exchange needs of the store', () => {
  test.each<[StoreState, StoreEvent[]]>([
    ['not-asked', ['record-known']],
    ['must-query', ['record-missing']],
    ['known', ['record-missing', 'answered']],
    ['ended', ['record-missing', 'answered-ended']],
    ['must-announce', ['record-known', 'record-unannounced']],
    ['known', ['record-unannounced', 'answered']],
    // Another worker announced it meanwhile.
    ['not-asked', ['record-unannounced', 'record-known']],
    ['must-announce', ['record-missing', 'answered', 'record-unannounced']],
    ['without-store', ['record-missing', 'failed']],
    ['ending', ['record-ending']],
  ])('%s after %j', (state, events) => {
    expect(stateAfter(...events)).toBe(state);
  });

  test('the store is asked about a session once', () => {
    expect(stateAfter('record-missing', 'answered', 'record-missing')).toBe('known');
    expect(stateAfter('record-missing', 'failed', 'record-missing')).toBe('without-store');
  });

  test('without the store no owner is announced', () => {
    expect(stateAfter('record-missing', 'failed', 'record-unannounced')).toBe('without-store');
  });

  test('what is over stays so, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...records, ...answers)), (events) => {
        expect(stateAfter('record-missing', 'answered-ended', ...events)).toBe('ended');
        expect(stateAfter('record-ending', ...events)).toBe('ending');
      }),
    );
  });
});
