/** A thread that loads the module of a config: one that never ends, or ends the process, ends the thread alone. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PlainFlaw, plainFlaws } from './plain.ts';

export interface ModuleInit {
  /** Of the module, as file URL. */
  readonly url: string;
}

export type FromModule =
  | { readonly kind: 'config'; readonly value: unknown }
  | { readonly kind: 'flaws'; readonly flaws: readonly PlainFlaw[] }
  | { readonly kind: 'no-config' }
  /** `stack` as the runtime has it; `position` where the module itself cannot be read (Bun). */
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly stack: string;
      readonly position: { readonly line: number; readonly column: number } | null;
    };

function failed(error: unknown): FromModule {
  // Bun gathers what it finds in a module that it cannot read.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const position: unknown = typeof first === 'object' && first !== null && 'position' in first ? first.position : null;
  return {
    kind: 'failed',
    message: first instanceof Error ? first.message : messageOf(first),
    stack: first instanceof Error ? String(first.stack) : '',
    position: isPosition(position) ? { line: position.line, column: position.column } : null,
  };
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

function isPosition(value: unknown): value is { line: number; column: number } {
  return typeof value === 'object' && value !== null && 'line' in value && 'column' in value && Number(value.line) > 0;
}

async function load(url: string): Promise<FromModule> {
  try {
    const loaded: { readonly default?: unknown } = await import(url);
    const value = await loaded.default;
    if (typeof value !== 'object' && typeof value !== 'function') return { kind: 'no-config' };
    if (value === null) return { kind: 'no-config' };
    const flaws = plainFlaws(value);
    return flaws.length > 0 ? { kind: 'flaws', flaws } : { kind: 'config', value };
  } catch (error) {
    return failed(error);
  }
}

const { url } = workerData as ModuleInit;
// A module that waits for what never comes would let the thread end.
const alive = setInterval(() => {}, 2 ** 30);
parentPort?.postMessage(await load(url));
clearInterval(alive);
