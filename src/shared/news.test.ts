import { expect, test } from 'vitest';
import { News } from './news.ts';

/** A supervisor and two workers. */
function stage() {
  const buffer = News.create();
  return [new News(buffer), new News(buffer), new News(buffer)] as const;
}

test('a worker is behind from the telling to the hearing, each for itself', () => {
  const [supervisor, one, two] = stage();
  expect([one.behind, two.behind]).toEqual([false, false]);
  supervisor.publish('standings');
  expect([one.behind, two.behind]).toEqual([true, true]);
  one.hear(supervisor.edition);
  expect([one.behind, two.behind]).toEqual([false, true]);
});

test('a message that is older than what was heard takes nothing back', () => {
  const [supervisor, one] = stage();
  supervisor.publish('configs');
  const plan = supervisor.edition;
  supervisor.publish('standings');
  // The standings arrive while the config is still being taken over.
  one.hear({ configs: 0, standings: 1 });
  expect(one.behind).toBe(true);
  one.hear(plan);
  expect(one.behind).toBe(false);
});

test('who waits is called once, when all has been heard', () => {
  const [supervisor, one] = stage();
  const calls: string[] = [];
  const gone = { onNews: () => calls.push('gone') };
  const waiting = {
    onNews: () => {
      calls.push(`behind: ${one.behind}`);
    },
  };
  supervisor.publish('configs');
  supervisor.publish('standings');
  one.await(waiting);
  one.await(gone);
  one.forget(gone);
  one.hear({ configs: 0, standings: 1 });
  expect(calls).toEqual([]);
  one.hear({ configs: 1, standings: 1 });
  expect(calls).toEqual(['behind: false']);
  supervisor.publish('standings');
  one.hear(supervisor.edition);
  expect(calls).toEqual(['behind: false']);
});

test('one that has to wait again waits for the next', () => {
  const [supervisor, one] = stage();
  let calls = 0;
  const stubborn = {
    onNews: () => {
      calls++;
      one.await(stubborn);
    },
  };
  one.await(stubborn);
  for (let i = 1; i <= 3; i++) {
    supervisor.publish('configs');
    one.hear(supervisor.edition);
    expect(calls).toBe(i);
  }
});
