/** A real PostgreSQL on a free loopback port, in a folder of its own, that a test may kill and start again. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { host } from './host.ts';
import { findProgram } from './programs.ts';

/** It refuses to run as root. */
interface User {
  readonly uid: number;
  readonly gid: number;
}

export class PostgresServer implements AsyncDisposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'limpet-postgres-'));
  private readonly bin = dirname(realpathSync(findProgram('postgres')!));
  private readonly user = unprivileged();
  private readonly port: number;
  private child: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort());
    const { folder, user } = server;
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
    chmodSync(folder, 0o700);
    const args = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-instructions'];
    await promisify(execFile)(join(server.bin, 'initdb'), args, { ...user, cwd: folder });
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://postgres@${host}:${this.port}/postgres`;
  }

  async start(): Promise<void> {
    const { folder, user, bin, port } = this;
    // Nothing of it has to outlive the machine.
    const settings = ['fsync=off', `unix_socket_directories=${folder}`, `listen_addresses=${host}`, 'autovacuum=off'];
    const args = ['-D', join(folder, 'data'), '-p', String(port), ...settings.flatMap((one) => ['-c', one])];
    const child = spawn(join(bin, 'postgres'), args, { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    await new Promise<void>((ready, fail) => {
      let said = '';
      child.once('exit', () => fail(new Error(`postgres does not start:\n${said}`)));
      child.stderr.on('data', (piece) => {
        said += piece;
        if (said.includes('ready to accept connections')) ready();
      });
    });
  }

  /** The server's processes go with the first of them. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGQUIT');
    await once(child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function unprivileged(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (what: string) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}
