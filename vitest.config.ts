/** How the tests run: unit tests beside their file in src, black-box suites with real processes elsewhere. */
import { defineConfig } from 'vitest/config';
import { TestReporter } from './test/support/reporter.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'],
    environment: 'node',
    // The black-box suites start servers, balancers and clients as processes of their own: more files at
    // once only make them wait for each other on a small machine.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    reporters: ['default', new TestReporter()],
  },
});
