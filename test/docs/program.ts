/** The program in this process, in a folder of its own, against a balancer that is none: what it prints is real. */
import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { ServerView } from '../../src/admin/schemas.ts';
import { execute } from '../../src/cli/command.ts';
import type { Running, Start } from '../../src/cli/run.ts';
import type { Block } from './blocks.ts';
import { commandsOf } from './commands.ts';
import { wholeConfig } from './configs.ts';

export class Program implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
  readonly signals = Object.assign(new EventEmitter(), { release: () => {} });
  /** What has come so far on both outputs. */
  output = '';
  private onOutput = () => {};

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Ends with the command: its exit code. */
  run(args: readonly string[], input: Buffer = Buffer.alloc(0)): Promise<number> {
    const write = (text: string) => {
      this.output += text;
      this.onOutput();
    };
    return execute(args, {
      version: '0.0.0',
      runtime: 'node',
      folder: this.folder,
      env: { LIMPET_STATE: join(this.folder, '.limpet'), LIMPET_KEY: 'ab'.repeat(32) },
      signals: this.signals,
      reopenLogs: () => {},
      readInput: async () => input,
      write,
      writeError: write,
      loadStart: async (): Promise<Start> => async () => idle,
    });
  }

  /** Resolves when the output has it. */
  async said(text: string): Promise<void> {
    while (!this.output.includes(text)) await new Promise<void>((go) => (this.onOutput = go));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const idle: Running = {
  addresses: ['http://127.0.0.1:8080'],
  stop: async () => true,
  reload: async () => {},
  configRefused: () => {},
  counted: async () => {},
  countersNow: () => ({ requests: 480 }),
  sessionsNow: () => ({ 'shop/s1': 171 }),
  certificatesNow: () => [],
};

/** What `limpet sessions` asks: as the guide shows it. */
const servers: readonly ServerView[] = [
  { name: 's1', state: 'draining' as const, inflight: 0, sessions: { live: 12, copied: 12, uncopied: 0 } },
  { name: 's2', state: 'up' as const, inflight: 3, sessions: { live: 430, copied: 428, uncopied: 2 } },
].map((server) => ({
  pool: 'shop',
  address: '127.0.0.1:3001',
  drained: server.state === 'draining',
  weight: 1,
  maxRequests: 0,
  waiting: 0,
  streams: 0,
  tunnels: 0,
  since: null,
  reason: null,
  lastCheck: null,
  source: 'config' as const,
  loss: { sessions: server.sessions.uncopied, exchanges: server.inflight },
  ...server,
}));

/**
 * Runs the commands of a console block, those behind `$ `, and answers what is not as it stands there; '' for nothing. What it
 * shows are lines of the output in their order; some may be left out. `config`: limpet.yaml of the folder.
 */
export async function flawOfConsole({ text }: Pick<Block, 'text'>, config: string | undefined): Promise<string> {
  using program = new Program();
  program.write('limpet.yaml', config ?? stringify(wholeConfig({})));
  await using admin = await answering(program.folder);
  void admin;
  const flaws: string[] = [];
  for (const part of text.split(/^\$ /m).filter((one) => one.trim() !== '')) {
    if (!text.includes(`$ ${part}`)) return `it begins without a command: ${part}`;
    const [line = '', ...shown] = part.trimEnd().split('\n');
    const command = commandsOf(line).at(-1) ?? [];
    if (command[0] !== 'limpet') continue;
    const pipe = line.lastIndexOf('| limpet ');
    const input = pipe < 0 ? Buffer.alloc(0) : spawnSync('sh', ['-c', line.slice(0, pipe)]).stdout;
    program.output = '';
    await program.run(command.slice(1), input);
    const missing = missingLine(shown, program.output.replaceAll(`${program.folder}/`, ''));
    if (missing !== undefined) flaws.push(`${line}\nprints no such line at that place: ${missing}\n${program.output}`);
  }
  return flaws.join('\n');
}

async function answering(folder: string): Promise<AsyncDisposable> {
  mkdirSync(join(folder, '.limpet'), { mode: 0o700 });
  const server = createServer((_, response) => response.end(JSON.stringify(servers)));
  server.listen(join(folder, '.limpet/admin.sock'));
  await once(server, 'listening');
  return server;
}

function missingLine(shown: readonly string[], output: string): string | undefined {
  const lines = output.split('\n').map(shapeOf);
  let from = 0;
  return shown.find((line) => {
    const at = lines.indexOf(shapeOf(line), from);
    from = at + 1;
    return at < 0;
  });
}

/** A text without what differs from run to run: numbers, and words of base64url. */
export function shapeOf(text: string): string {
  return text
    .trim()
    .replaceAll(/(?<![\w-])[\w-]{20,}(?![\w-])/g, 'TOKEN')
    .replaceAll(/\d+(\.\d+)?/g, '0')
    .replaceAll(/\s+/g, ' ');
}
