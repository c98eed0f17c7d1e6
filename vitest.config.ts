/** How the tests run: unit tests beside their file in src, black-box suites with real processes elsewhere. */
import { defineConfig } from 'vitest/config';
import { long } from './test/support/long.ts';
import { matrixProjects } from './test/support/matrix.ts';
import { TestReporter } from './test/support/reporter.ts';
import { suitesBy } from './test/support/suites.ts';

const patience = { testTimeout: 60_000, hookTimeout: 120_000 };
/** Suites that are named run whole: `npm test -- test/scenarios/reload`. */
const isNamed = process.argv.slice(2).some((arg) => /^(test|bench|examples)\//.test(arg));
const suites = suitesBy(long || isNamed);
const testFiles = (folder: string) => `${folder}/**/*.test.ts`;

export default defineConfig({
  test: {
    // The black-box suites start servers, balancers and clients as processes of their own, and wait a good part of their time
    // (for an outage, a time-out, the next look of a health check): more files at once than that only make them wait for each other
    // on a small machine.
    maxWorkers: 3,
    // Node loads the tests itself: through Vite's own module runner each use of an import is a getter, and a loop up to 40 times slower.
    experimental: { viteModuleRunner: false },
    teardownTimeout: 10_000,
    reporters: ['default', new TestReporter(suites.onDemand.length)],
    projects: [
      // Unit tests share their process: none of them leaves anything behind, and starting one costs more than most.
      {
        extends: true,
        test: { name: 'units', include: [testFiles('src'), testFiles('dashboard')], isolate: false, ...patience },
      },
      ...(['both', 'bun', 'node'] as const).map((where) => ({
        extends: true as const,
        test: {
          name: `suites on ${where}`,
          include: suites[where],
          ...(where === 'both' ? {} : { env: { LIMPET_RUNTIMES: where } }),
          // None leaves anything behind but processes of its own, which it ends.
          isolate: false,
          ...patience,
        },
      })),
      // The same suites again, over TLS and HTTP/2.
      ...matrixProjects(process.env.LIMPET_MATRIX === 'full').map((project) => ({
        extends: true as const,
        test: { ...project, ...patience },
      })),
    ],
  },
});
