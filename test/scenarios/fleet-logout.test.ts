/** The short form of the sign-outs of `npm run fleet:proof`: the old cookie at every node at once, and nobody is served as signed in. */
import { describe, expect, test } from 'vitest';
import { signOuts } from '../fleet/logouts.ts';
import { long } from '../support/long.ts';
import { needProgram } from '../support/programs.ts';
import { runtimes } from '../support/runtimes.ts';
import { onlyOver } from '../support/transport.ts';

const many = long ? 10_000 : 300;

describe.each(runtimes)('sign-outs in a fleet on %s', (runtime) => {
  onlyOver('h1', 'it is about nodes, not about what clients speak');

  test('all other nodes respect them at once', { timeout: long ? 900_000 : 120_000 }, async (context) => {
    needProgram(context, 'redis');
    const report = await signOuts(runtime, 3, many);
    expect(report.served).toEqual([]);
    expect(report.failures).toEqual([]);
    expect(report.signOuts).toBe(many);
  });
});
