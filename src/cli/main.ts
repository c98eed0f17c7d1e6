/** The entry of the program: passes the real process to `execute`. `bin/limpet` starts it. */
import packageJson from '../../package.json' with { type: 'json' };
import { closeDebugger, earlySignals, HeldSignals } from './signals.ts';

// Before everything else, and with as few modules loaded as possible: until here any signal ends the process.
const signals = new HeldSignals(process, earlySignals);

closeDebugger(process);

// The reader of the output may be gone (EPIPE). That must not end exchanges, and there is nobody to report it to.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

// Loaded late: a service manager may send its first signal before this is loaded.
const { flushOutputs, logOutput, reopenOutputs } = await import('./outputs.ts');
const { execute } = await import('./command.ts');

const code = await execute(process.argv.slice(2), {
  version: packageJson.version,
  runtime: process.versions.bun === undefined ? 'node' : 'bun',
  folder: process.cwd(),
  env: process.env,
  signals,
  reopenLogs: reopenOutputs,
  readInput: async () => (await import('node:stream/consumers')).buffer(process.stdin),
  write: (text) => void process.stdout.write(text),
  writeError: (text) => logOutput.write(text),
  loadStart: async () => (await import('./start.ts')).startLimpet,
});
await flushOutputs();
process.exit(code);
