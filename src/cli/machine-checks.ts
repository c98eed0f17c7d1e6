/** What of a config depends on this machine, the files of `tls` and optional packages: what is wrong with it is told as for any other field. */
import { loadCertificates } from '../certificates/load.ts';
import type { LimpetOptions } from '../config/options.ts';
import { ConfigError, error, type Problem, type Source } from '../config/problem.ts';
import { systemClock } from '../time/clock.ts';
import { missingPackages } from '../tracing/otlp.ts';

/** Answers the warnings. Throws ConfigError, of which `warnings` of the config are a part. Changes nothing. */
export function checkMachine(
  options: LimpetOptions,
  warnings: readonly Problem[],
  source: Source,
  { folder, runtime }: { readonly folder: string; readonly runtime: string },
): readonly Problem[] {
  const { flaws: ofFiles } = loadCertificates(options, {
    folder,
    nowMs: systemClock.now(),
    canStaple: runtime !== 'bun',
    auto: null,
    ticketKeys: null,
  });
  const flaws = [...ofFiles, ...checkPackages(options)];
  const problems = onceEach([...warnings, ...flaws], source);
  if (flaws.some(({ level }) => level === 'error')) throw new ConfigError(source, problems);
  return problems;
}

function checkPackages({ tracing }: LimpetOptions): Problem[] {
  const missing = tracing?.export == null ? null : missingPackages();
  return missing === null ? [] : [error(['tracing', 'export'], missing)];
}

/** Flags are for all listeners, and so is what is wrong with their files. */
function onceEach(problems: readonly Problem[], { words }: Source): readonly Problem[] {
  if (words === undefined) return problems;
  const told = new Set<string>();
  return problems.filter(({ path, text }) => {
    const line = words(path, text);
    return !told.has(line) && told.add(line);
  });
}
