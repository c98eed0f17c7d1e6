/** The socket contract on both runtimes, plain and over TLS: a program runs the cases under each, and each case is a test here. */
import { spawn } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Runtime, runtimes } from '../support/runtimes.ts';
import { type CaseResult, cases, tlsCases } from './contract.ts';

const root = resolve(import.meta.dirname, '../..');
const programTime = 120_000;

type Kind = 'plain' | 'tls';

class Program {
  private readonly results = new Map<string, string>();
  private readonly child;
  private readonly ended: Promise<void>;
  private errors = '';
  private wake: () => void = () => {};

  constructor(runtime: Runtime, kind: Kind) {
    const path = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`;
    this.child = spawn(runtime, [join(root, 'test/net/program.ts'), kind], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: path },
      timeout: programTime,
      killSignal: 'SIGKILL',
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const { name, error }: CaseResult = JSON.parse(line);
      this.results.set(name, error);
      this.wake();
    });
    this.ended = new Promise((done) => this.child.once('close', () => done()));
  }

  /** What went wrong in that case; '' nothing. */
  async resultOf(name: string): Promise<string> {
    let over = false;
    void this.ended.then(() => {
      over = true;
      this.wake();
    });
    while (!this.results.has(name) && !over) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.results.get(name) ?? `the program ended before this case: ${this.errors.slice(0, 2000)}`;
  }

  stop(): Promise<void> {
    this.child.kill('SIGKILL');
    return this.ended;
  }
}

const kinds: Record<Kind, Readonly<Record<string, unknown>>> = { plain: cases, tls: { ...cases, ...tlsCases } };
const all = runtimes.flatMap((runtime) => (['plain', 'tls'] as const).map((kind) => [runtime, kind] as const));

describe.each(all)('sockets of %s, %s', (runtime, kind) => {
  let program: Program;
  beforeAll(() => {
    program = new Program(runtime, kind);
  });
  afterAll(() => program.stop());

  test.each(Object.keys(kinds[kind]))('%s', { timeout: programTime }, async (name) => {
    expect(await program.resultOf(name)).toBe('');
  });
});
