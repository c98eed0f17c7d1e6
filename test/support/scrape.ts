/** Metrics as a scrape gets them, for tests: what is there, and what it says. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Limpet } from './limpet.ts';
import { ask } from './peers.ts';

/** As Prometheus asks since 2.5. */
export const openMetricsFirst =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';

/** From the admin socket in the state folder. */
export async function scrape({ folder }: Pick<Limpet, 'folder'>, accept = ''): Promise<{ type: string; body: string }> {
  const socketPath = join(folder, 'state', 'admin.sock');
  const { status, headers, body } = await ask('http://localhost/metrics', { socketPath, headers: { accept } });
  if (status !== 200) throw new Error(`/metrics answered ${status}`);
  return { type: String(headers['content-type']), body };
}

/** The value of each sample, by its name and labels as they are written, the labels in the order of their names. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === '') continue;
    const sorted = Array.from(labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g), ([label]) => label).sort();
    samples.set(sorted.length === 0 ? name : `${name}{${sorted.join(',')}}`, Number(value));
  }
  return samples;
}

/** Names of the families, as a query has them: of a histogram `_bucket`, `_sum` and `_count`. */
export function namesOf(text: string): Set<string> {
  return new Set([...samplesOf(text).keys()].map((key) => key.replace(/\{.*/, '')));
}

/** What `promtool` says against this text, given to its standard input; '' when it finds nothing wrong. */
export function promtool(program: string, args: readonly string[], input = '', cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', cwd });
  if (error !== undefined) throw error;
  return status === 0 && stderr === '' ? '' : `exit code ${status}\n${stdout}${stderr}`;
}
