/** What two requests of one live session may undo of each other. */
import { expect, test } from 'vitest';
import { fillOptions } from './filled-options.ts';
import type { LiveSession } from './live-session.ts';
import { newLiveSession } from './new-session.ts';
import { TrackedSession } from './tracked-session.ts';

const options = fillOptions({ strategy: 'local' });

/** One request: `change` as the app, `encode` as the strategy that stores. */
class Request extends TrackedSession {
  constructor(live: LiveSession, hasResponse = true) {
    super(live, options, hasResponse);
  }

  change(name: string, value: unknown): void {
    this.beginChanges();
    this.live.data[name] = value;
  }

  encode(): string {
    const encoded = this.encodeData();
    this.live.encoded = encoded;
    return encoded;
  }

  close(): void {
    this.closeResponse();
  }
}

function stage() {
  const live = newLiveSession(options, 0);
  return { live, one: new Request(live), other: new Request(live) };
}

test('a request that fails leaves nothing', () => {
  const { live, one } = stage();
  one.change('a', 1);
  one.fail();
  expect([live.data, live.writers]).toEqual([{}, 0]);
});

test('a request that has only read undoes nothing', () => {
  const { live, one, other } = stage();
  one.change('a', 1);
  other.fail();
  expect(live.data).toEqual({ a: 1 });
});

test('what was encoded before the failure stays', () => {
  const { live, one } = stage();
  one.change('a', 1);
  one.encode();
  one.change('a', 2);
  one.fail();
  expect(live.data).toEqual({ a: 1 });
});

test('what another open request may have changed stays, until that one fails as well', () => {
  const { live, one, other } = stage();
  one.change('a', 1);
  other.change('b', 1);
  one.fail();
  expect(live.data).toEqual({ a: 1, b: 1 });
  other.fail();
  expect(live.data).toEqual({});
});

test('a request without a response has no end, and holds up nobody', () => {
  const { live, one } = stage();
  new Request(live, false).change('b', 1);
  one.change('a', 1);
  one.fail();
  expect(live.data).toEqual({});
});

test('data that cannot be stored is undone, and each request that may have changed it gets the error', () => {
  const { live, one, other } = stage();
  one.change('a', 1);
  other.change('when', new Date());
  expect(() => other.encode()).toThrow('session.data.when is a Date');
  expect(live.data).toEqual({});
  expect(() => one.encode()).toThrow('session.data.when is a Date');
  // From here on it is like any other request.
  one.change('a', 2);
  expect(one.encode()).toBe('{"a":2}');
});

test('a request whose response is over does not count as a writer any more', () => {
  const { live, one, other } = stage();
  one.change('a', 1);
  other.change('b', 1);
  one.close();
  expect(live.writers).toBe(1);
  other.fail();
  expect(live.data).toEqual({});
});
