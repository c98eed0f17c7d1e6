/** Runs the load generator wrk and reads what it prints. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** What went wrong, in wrk's words; null when every response was 2xx or 3xx and no socket failed. */
  readonly error: string | null;
}

const inMilliseconds: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Reads the output of `wrk --latency`. Throws when it is not that. */
export function parseWrk(output: string): LoadResult {
  const requests = /^\s*(\d+) requests in /m.exec(output)?.[1];
  const rate = /^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1];
  if (requests === undefined || rate === undefined) throw new Error(`wrk printed no totals: ${output.trim()}`);
  const socketErrors = /^\s*Socket errors: (.+)$/m.exec(output)?.[1];
  const badStatus = /^\s*Non-2xx or 3xx responses: (\d+)/m.exec(output)?.[1];
  const errors = [];
  if (socketErrors !== undefined) errors.push(`socket errors: ${socketErrors.trim()}`);
  if (badStatus !== undefined) errors.push(`${badStatus} responses other than 2xx`);
  if (requests === '0') errors.push('no response at all');
  return {
    requests: Number(requests),
    requestsPerSecond: Number(rate),
    p50: percentile(output, 50),
    p99: percentile(output, 99),
    error: errors.length === 0 ? null : errors.join(', '),
  };
}

function percentile(output: string, percent: number): number {
  const found = new RegExp(`^\\s*${percent}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, 'm').exec(output);
  if (found === null) throw new Error(`wrk printed no ${percent} % latency`);
  return Number(found[1]) * inMilliseconds[found[2]!]!;
}

export interface WrkOptions {
  readonly core: number;
  readonly connections: number;
  readonly seconds: number;
  readonly url: string;
  readonly headers: readonly string[];
}

/** One thread of wrk on one core. */
export async function runWrk({ core, connections, seconds, url, headers }: WrkOptions): Promise<LoadResult> {
  const args = ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
  for (const header of headers) args.push('-H', header);
  const { stdout } = await promisify(execFile)('taskset', [...args, url], { timeout: (seconds + 30) * 1000 });
  return parseWrk(stdout);
}
