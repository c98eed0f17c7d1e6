/**
 * A program with a balancer of its own, by the public API: `embedded.ts <config> <server added by a reload>`. Does what each
 * line on stdin says, and answers a line of JSON: `reload`, `drain SERVER [TIMEOUT_MS]`, `ready SERVER`, `stop`.
 */
import { createInterface } from 'node:readline';
import { type Config, startLimpet } from '../../src/index.ts';

const [text = '', added = ''] = process.argv.slice(2);
const config = JSON.parse(text) as Config;
const say = (value: unknown) => console.log(JSON.stringify(value));

const log: string[] = [];
const write = (message: string) => void log.push(message);
const limpet = await startLimpet(config, { log: { debug: () => {}, info: write, warn: write, error: write } });
say(limpet.addresses);

async function act(command: string, server: string, timeoutMs: string | undefined): Promise<unknown> {
  switch (command) {
    case 'reload': {
      const pools = Object.entries(config.pools).map(([name, pool]) => [
        name,
        { ...pool, servers: [...pool.servers, JSON.parse(added)] },
      ]);
      return limpet.reload({ ...config, workers: 2, pools: Object.fromEntries(pools) as Config['pools'] });
    }
    case 'reload-broken':
      return limpet.reload({ ...config, routes: [{ pool: 'none' }] });
    case 'drain':
      return limpet.drain(server, timeoutMs === undefined ? {} : { wait: true, timeoutMs: Number(timeoutMs) });
    case 'ready':
      return limpet.ready(server);
    case 'log':
      return log;
    default: {
      const [first, second] = [limpet.stop(), limpet.stop()];
      return (await first) && first === second;
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command = '', server = '', timeoutMs] = line.split(' ');
  try {
    say((await act(command, server, timeoutMs)) ?? null);
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
  if (command === 'stop') break;
}
