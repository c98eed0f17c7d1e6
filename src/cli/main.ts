/** The entry of the program: hands the real process to `execute`. `bin/limpet` starts it. */
import packageJson from '../../package.json' with { type: 'json' };
import { earlySignals, HeldSignals } from './signals.ts';

// Before everything else, and with as little loaded as can be: until here Node ends with the first signal that comes.
const signals = new HeldSignals(process, earlySignals);

// Whoever read our output may go away (EPIPE): that ends no exchange, and there is nobody to tell.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

// Loaded late: it takes longer than a service manager may wait with its first signal.
const { flushOutputs, logOutput } = await import('./outputs.ts');
const { execute } = await import('./command.ts');

const code = await execute(process.argv.slice(2), {
  version: packageJson.version,
  runtime: process.versions.bun === undefined ? 'node' : 'bun',
  folder: process.cwd(),
  env: process.env,
  signals,
  readInput: async () => (await import('node:stream/consumers')).buffer(process.stdin),
  write: (text) => void process.stdout.write(text),
  writeError: (text) => logOutput.write(text),
  loadStart: async () => (await import('./start.ts')).startLimpet,
});
await flushOutputs();
process.exit(code);
