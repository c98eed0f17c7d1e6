/** Starts the fleet of the demo: Redis, six shops, and balancers that all read the same config file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, type Running, type Shop, startShop } from '../shop/processes.ts';

const shopNames = ['gull', 'kelp', 'seal', 'crab', 'tern', 'wren'] as const;
const size = 3;

export interface Node extends Running {
  readonly name: string;
}

export class Fleet implements AsyncDisposable {
  readonly shops: readonly Shop[];
  readonly nodes: readonly Node[];
  readonly config: string;
  private readonly redis: Running;
  private readonly folder: string;

  private constructor(folder: string, config: string, redis: Running, shops: readonly Shop[], nodes: readonly Node[]) {
    this.folder = folder;
    this.config = config;
    this.redis = redis;
    this.shops = shops;
    this.nodes = nodes;
  }

  static async start(): Promise<Fleet> {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-fleet-demo-'));
    try {
      const port = await freePort();
      const redis = await startRedis(port, folder);
      const shops = await Promise.all(shopNames.map((name) => startShop(name, 0)));
      const config = configOf(shops, port);
      writeFileSync(join(folder, 'limpet.yaml'), config);
      const nodes: Node[] = [];
      for (let n = 1; n <= size; n++) nodes.push(await startNode(folder, `node ${n}`, 0));
      return new Fleet(folder, config, redis, shops, nodes);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Again at its old place, with its old state. */
  restart({ name, port }: Node): Promise<Node> {
    return startNode(this.folder, name, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.shops.map((shop) => shop.stop()));
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The same text for all of them: only the port and the state folder differ. */
function configOf(shops: readonly Shop[], redisPort: number): string {
  const servers = shops.map(({ name, port }) => `      - { name: ${name}, address: "127.0.0.1:${port}" }`);
  return `listeners: [{ address: "127.0.0.1:\${PORT}" }]
pools:
  shop:
    servers:
${servers.join('\n')}
sessions: {}
fleet: { store: "redis://127.0.0.1:${redisPort}" }
identify: true
`;
}

async function startNode(folder: string, name: string, port: number): Promise<Node> {
  const state = join(folder, name.replace(' ', '-'));
  mkdirSync(state, { recursive: true });
  const command = fileURLToPath(new URL('../../bin/limpet', import.meta.url));
  const env = { PORT: String(port), LIMPET_STATE: state };
  const running = await launch(name, command, ['--config', join(folder, 'limpet.yaml')], () => {}, { env });
  return { ...running, name };
}

/** Keeps everything in memory: a demo. Rejects when redis-server is not installed. */
function startRedis(port: number, folder: string): Promise<Running> {
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', folder];
  // The port it has been told to take; it says no address.
  const ready = /Ready to accept connections()/;
  return launch('redis-server', 'redis-server', args, () => {}, { ready }).catch((error: Error) => {
    const hint = error.message.includes('ENOENT') ? 'it is not installed (apt-get install redis-server)' : '';
    throw hint === '' ? error : new Error(`redis-server: ${hint}`);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
