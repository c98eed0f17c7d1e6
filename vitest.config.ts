/** How the tests run: unit tests beside their file in src, black-box suites with real processes elsewhere. */
import { defineConfig } from 'vitest/config';
import { long } from './test/support/long.ts';
import { matrixProjects, slow } from './test/support/matrix.ts';
import { TestReporter } from './test/support/reporter.ts';

const patience = { testTimeout: 60_000, hookTimeout: 120_000 };
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
    reporters: ['default', new TestReporter()],
    projects: [
      // Unit tests share their process: none of them leaves anything behind, and starting one costs more than most.
      { extends: true, test: { name: 'units', include: [testFiles('src')], isolate: false, ...patience } },
      {
        extends: true,
        test: {
          name: 'suites',
          include: ['test', 'examples', 'bench'].map(testFiles),
          exclude: long ? [] : [...slow.bun, ...slow.node],
          ...patience,
        },
      },
      ...(long ? [] : (['bun', 'node'] as const)).map((runtime) => ({
        extends: true as const,
        test: {
          name: `slow suites, ${runtime}`,
          include: slow[runtime],
          env: { LIMPET_RUNTIMES: runtime },
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
