/**
 * `npm start`: three shops and the balancer before them, until Ctrl-C. A shop that died comes back after three
 * seconds with an empty memory. `npm start -- --tour` tells the story in the terminal instead.
 */
import { parseArgs } from 'node:util';
import { isFree, type Shop, shopNames, startBalancer, startShop, stopAll } from './processes.ts';
import { createPaint, paintServer } from './terminal.ts';
import { tour } from './tour.ts';

const help = `npm start [-- options]

  --port PORT   where the balancer listens (default 8080, or the next free port)
  --tour        five chapters in the terminal, with real requests; exit code 0 when all findings held
  --help        this text`;

const restartDelay = 3_000;
const firstShopPort = 3001;
const defaultPort = 8080;

const paint = createPaint(process.stdout, process.env);
const say = (line: string) => console.log(line);
let stopping = false;

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await stopAll();
  process.exit(code);
}

/** Keeps one shop running on its port. */
async function mind(shop: Shop): Promise<void> {
  const name = paintServer(paint, shop.name);
  const how = await shop.exited;
  if (stopping) return;
  say(`${name} (pid ${shop.pid}) is dead: ${how}. Its sessions go on elsewhere. Back in ${restartDelay / 1000} s.`);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, restartDelay));
    if (stopping) return;
    try {
      const next = await startShop(shop.name, shop.port);
      say(`${name} is back with pid ${next.pid} and an empty memory. Shoppers who moved stay where they are.`);
      return mind(next);
    } catch (error) {
      if (!stopping) say(`${error instanceof Error ? error.message : error}`);
    }
  }
}

async function choosePort(wish: string | undefined): Promise<number> {
  if (wish !== undefined) {
    const port = Number(wish);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`--port ${wish} is not a port number`);
    if (!(await isFree(port))) throw new Error(`port ${port} is in use`);
    return port;
  }
  for (let port = defaultPort; port < defaultPort + 100; port++) if (await isFree(port)) return port;
  throw new Error(`no free port from ${defaultPort} on: give one with --port`);
}

async function serve(wish: string | undefined): Promise<void> {
  const port = await choosePort(wish);
  const shops = await Promise.all(
    shopNames.map(async (name, index) => {
      const preferred = firstShopPort + index;
      return startShop(name, (await isFree(preferred)) ? preferred : 0);
    }),
  );
  const flags = ['--affinity', 'cookie', '--sessions', 'memory', '--health', '/healthz', '--identify'];
  const balancer = await startBalancer(shops, port, flags, (line) => {
    if (!stopping) say(paint('dim', line));
  });
  for (const shop of shops) void mind(shop);

  const names = shops.map((shop) => `${paintServer(paint, shop.name)} :${shop.port}`).join('   ');
  say(`
${paint('bold', 'Low Tide is open, behind Limpet:')}  ${paint('cyan', balancer.url)}

  Servers   ${names}
  Command   ${paint('dim', `limpet ${shops.map((shop) => shop.port).join(' ')} --listen 127.0.0.1:${port} ${flags.join(' ')}`)}

Try this
  1. Fill a cart. The strip at the top names your server: it stays the same, request after request.
  2. Open a private window: another shopper, likely another server.
  3. Kill this server. You are rebound to another one, once, and the epoch goes up by one.
     The cart is still there: the balancer had a copy of every change before your browser saw it.

The story in the terminal: npm start -- --tour        Ctrl-C stops everything.
`);
  const how = await balancer.exited;
  if (!stopping) {
    console.error(`the balancer ended: ${how}`);
    await stop(1);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, tour: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return say(help);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void stop(values.tour ? 1 : 0));
  }
  if (values.tour) await stop((await tour({ say, paint })) ? 0 : 1);
  else await serve(values.port);
}

main().catch(async (error: unknown) => {
  if (!stopping) console.error(error instanceof Error ? error.message : error);
  await stop(1);
});
