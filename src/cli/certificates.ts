/** The files of `tls` as a part of the config that names them: what is wrong with them is told as for any other field. */
import { loadCertificates } from '../certificates/load.ts';
import type { LimpetOptions } from '../config/options.ts';
import { ConfigError, type Problem, type Source } from '../config/problem.ts';
import { systemClock } from '../time/clock.ts';

/** Answers the warnings. Throws ConfigError, of which `warnings` of the config are a part. Changes nothing. */
export function checkCertificates(
  options: LimpetOptions,
  warnings: readonly Problem[],
  source: Source,
  { folder, runtime }: { readonly folder: string; readonly runtime: string },
): readonly Problem[] {
  const { flaws } = loadCertificates(options, {
    folder,
    nowMs: systemClock.now(),
    canStaple: runtime !== 'bun',
    auto: null,
    ticketKeys: null,
  });
  const problems = onceEach([...warnings, ...flaws], source);
  if (flaws.some(({ level }) => level === 'error')) throw new ConfigError(source, problems);
  return problems;
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
