/**
 * `npm run fleet`: Redis, three balancers and six servers on this machine, and the story of the death of a balancer, and of a server,
 * told in the terminal with real requests. `-- --stay` leaves all of it running afterwards, until Ctrl-C.
 */
import { parseArgs } from 'node:util';
import { stopAll } from '../shop/processes.ts';
import { createPaint } from '../shop/terminal.ts';
import { story } from './story.ts';

const help = `npm run fleet [-- options]

  --stay    everything goes on running after the story, until Ctrl-C
  --help    this text`;

const say = (line: string) => console.log(line);
let stopping = false;

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await stopAll();
  process.exit(code);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { stay: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) return say(help);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0));
  const paint = createPaint(process.stdout, process.env);
  const good = await story({ say, paint }, values.stay === true);
  if (values.stay !== true) await stop(good ? 0 : 1);
}

main().catch(async (error: unknown) => {
  if (!stopping) console.error(error instanceof Error ? error.message : error);
  await stop(1);
});
