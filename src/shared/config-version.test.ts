import { expect, test } from 'vitest';
import { ConfigVersion } from './config-version.ts';

/** A supervisor and two workers. */
function stage() {
  const buffer = ConfigVersion.create();
  return [new ConfigVersion(buffer), new ConfigVersion(buffer), new ConfigVersion(buffer)] as const;
}

test('a worker is stale from the publishing until it has applied it, each for itself', () => {
  const [supervisor, one, two] = stage();
  expect([one.isStale, two.isStale]).toEqual([false, false]);
  supervisor.publish('health');
  expect([one.isStale, two.isStale]).toEqual([true, true]);
  one.apply(supervisor.versions);
  expect([one.isStale, two.isStale]).toEqual([false, true]);
});

test('an older version takes nothing back', () => {
  const [supervisor, one] = stage();
  supervisor.publish('configs');
  const config = supervisor.versions;
  supervisor.publish('health');
  // The reports of health arrive while the config is still being taken over.
  one.apply({ configs: 0, health: 1 });
  expect(one.isStale).toBe(true);
  one.apply(config);
  expect(one.isStale).toBe(false);
});

test('who waits is called once, when all has been applied', () => {
  const [supervisor, one] = stage();
  const calls: string[] = [];
  const gone = { onCurrent: () => calls.push('gone') };
  const waiting = {
    onCurrent: () => {
      calls.push(`stale: ${one.isStale}`);
    },
  };
  supervisor.publish('configs');
  supervisor.publish('health');
  one.whenCurrent(waiting);
  one.whenCurrent(gone);
  one.forget(gone);
  one.apply({ configs: 0, health: 1 });
  expect(calls).toEqual([]);
  one.apply({ configs: 1, health: 1 });
  expect(calls).toEqual(['stale: false']);
  supervisor.publish('health');
  one.apply(supervisor.versions);
  expect(calls).toEqual(['stale: false']);
});

test('one that has to wait again waits for the next', () => {
  const [supervisor, one] = stage();
  let calls = 0;
  const stubborn = {
    onCurrent: () => {
      calls++;
      one.whenCurrent(stubborn);
    },
  };
  one.whenCurrent(stubborn);
  for (let i = 1; i <= 3; i++) {
    supervisor.publish('configs');
    one.apply(supervisor.versions);
    expect(calls).toBe(i);
  }
});
