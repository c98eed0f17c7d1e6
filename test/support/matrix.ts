/**
 * Which suites also run over TLS and HTTP/2 (transport.ts), on which runtime. `npm test` runs those whose story depends most on what
 * the connection speaks, some of them over TLS on Node and the others over HTTP/2 on Bun; `npm run
 * matrix` runs all over both on both.
 */
import type { Runtime } from './runtimes.ts';
import type { Transport } from './transport.ts';

export interface MatrixProject {
  readonly name: string;
  /** Patterns of files. */
  readonly include: string[];
  readonly env: { readonly LIMPET_TRANSPORT: Transport; readonly LIMPET_RUNTIMES: Runtime };
}

/** Whose balancer is started by the command line, and asked over its listeners. */
const all = [
  'test/scenarios/*.test.ts',
  'test/hostile/{backpressure,crossing}.test.ts',
  'test/session/{app-cookie,real,real-world,user-sessions-real,wsgi}.test.ts',
];

/** Several clients as streams of one connection: whether anything of one reaches another. */
const shared = [
  'test/hostile/crossing.test.ts',
  ...scenarios('client-abort', 'cut-responses', 'kill-owner', 'session-races', 'sticky-1000'),
];

const first = scenarios('client-abort', 'cookie-set', 'forwarded');

const second = scenarios('cookie-attributes', 'cut-responses', 'session-races', 'trailers');

export function matrixProjects(isFull: boolean): MatrixProject[] {
  if (!isFull) {
    return [project('tls', 'node', first), project('h2', 'bun', second)];
  }
  const runtimes = ['bun', 'node'] as const;
  return runtimes.flatMap((runtime) => [
    project('tls', runtime, all),
    project('h2', runtime, all),
    project('h2-shared', runtime, shared),
    project('h2c', runtime, shared),
  ]);
}

function project(transport: Transport, runtime: Runtime, include: string[]): MatrixProject {
  return {
    name: `${transport} on ${runtime}`,
    include,
    env: { LIMPET_TRANSPORT: transport, LIMPET_RUNTIMES: runtime },
  };
}

function scenarios(...names: string[]): string[] {
  return names.map((name) => `test/scenarios/${name}.test.ts`);
}
