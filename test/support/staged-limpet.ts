/**
 * The balancer as `limpet --config FILE` starts it, on the runtime that runs this, but with workers that do what a test
 * says (staged-worker.ts): `staged-limpet.ts <config>`.
 */
import { dirname } from 'node:path';
import { createLogger } from '../../src/cli/log.ts';
import { run } from '../../src/cli/run.ts';
import { runtime } from '../../src/cli/start.ts';
import { stateKey } from '../../src/cli/state-key.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Supervisor } from '../../src/workers/supervisor.ts';
import { spawnFrom } from '../../src/workers/worker-thread.ts';

const [file = ''] = process.argv.slice(2);
const writeError = (text: string): void => void process.stderr.write(text);
const log = createLogger({ format: 'text', level: 'info', write: writeError });
const load = async () => (await loadConfig(file, dirname(file), process.env)).options;
const options = await load();
const { stateDir } = options;
const net =
  runtime === 'bun' ? (await import('../../src/net/bun.ts')).bunNet : (await import('../../src/net/node.ts')).nodeNet;

process.exitCode = await run(options, {
  start: async () => {
    const supervisor = new Supervisor(options, {
      net,
      log,
      writeAccess: (_lines, done) => done(),
      tokenKeys: () => [stateKey(stateDir, 'token', log)],
      tableSecret: stateKey(stateDir, 'table', log),
      tableFile: `${stateDir}/sessions.table`,
      spawn: spawnFrom(new URL('./staged-worker.ts', import.meta.url)),
    });
    await supervisor.start();
    return supervisor;
  },
  log,
  runtime,
  signals: process,
  file: { path: '', reread: load, readText: () => ({ options, warnings: '' }), watch: false, content: null },
  reopenLogs: () => {},
  writeError,
});
process.exit();
