import { expect, test } from 'vitest';
import { missingPackages, otlpPackages } from './otlp.ts';

test('packages that are not installed are named, with how to install them', () => {
  expect(missingPackages()).toBeNull();
  const without = (missing: readonly string[]) => (name: string) => {
    if (missing.includes(name)) throw new Error(`Cannot find module '${name}'`);
  };
  const install = 'npm install @opentelemetry/api @opentelemetry/resources @opentelemetry/exporter-trace-otlp-http';
  expect(missingPackages(without(['@opentelemetry/api']))).toBe(
    `the package @opentelemetry/api is missing: ${install}`,
  );
  expect(missingPackages(without(otlpPackages))).toBe(
    `the packages ${otlpPackages.join(', ')} are missing: ${install}`,
  );
});
