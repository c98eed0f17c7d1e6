/** Runs the load programs, which check every answer, and reads what they print. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compile } from './compile.ts';

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Requests that were due at the given rate and had no answer two seconds after the end. */
  readonly behind: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface Request {
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly cookie?: string;
}

/** The head as it goes out. */
export function headOf({ method = 'GET', path = '/', headers = [], cookie }: Request): string {
  const cookies = cookie === undefined ? [] : [`Cookie: ${cookie}`];
  return `${[`${method} ${path} HTTP/1.1`, 'Host: bench.example', ...headers, ...cookies].join('\r\n')}\r\n\r\n`;
}

export interface Program {
  readonly source: 'load/http.c' | 'load/http2.c' | 'load/websocket.c';
  readonly tls?: boolean;
  readonly core: number;
  readonly port: number;
  /** Options of the program, see its head. */
  readonly options: readonly string[];
  /** Connection i sends the i-th of them, in turns. */
  readonly heads: readonly string[];
  /** Called when the program is set up and waits; it goes on when the promise resolves. */
  ready?(): Promise<void>;
}

/** Rejects with the program's words when an answer was wrong or none came. */
export function runLoad({ source, tls = false, core, port, options, heads, ready }: Program): Promise<LoadResult> {
  const program = compile(source, tls);
  const file = join(dirname(program), 'heads');
  writeFileSync(file, heads.join(''));
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', String(core), program, ...options, String(port), file]);
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (text.startsWith('ready')) (ready?.() ?? Promise.resolve()).then(() => child.stdin.end('\n'), reject);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(parseResult(output));
      else reject(new Error(errors.trim() || `the load ended with ${code}`));
    });
  });
}

/** The last line of what a load program prints. Throws when nothing was answered. */
export function parseResult(output: string): LoadResult {
  const result = JSON.parse(output.trim().split('\n').at(-1) ?? '') as LoadResult;
  if (result.requests === 0) throw new Error('no response at all');
  return result;
}
