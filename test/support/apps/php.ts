/** PHP's own web server with its own sessions (php/), in a process and a folder of its own: what it does not know it has lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../free-port.ts';
import { host } from '../host.ts';
import { ask, type PoolMember, until } from '../peers.ts';

const page = resolve(import.meta.dirname, 'session.php');

/** `php` is the path of the program. */
export async function phpServer(php: string, name: string): Promise<PoolMember> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-php-'));
  const address = `${host}:${await freePort()}`;
  const args = ['-d', `session.save_path=${folder}`, '-d', 'session.use_strict_mode=1', '-S', address, page];
  const child = spawn(php, args, { stdio: 'ignore', env: { ...process.env, NAME: name } });
  await until('php listens', () =>
    ask(`http://${address}/none`).then(
      () => true,
      () => false,
    ),
  );
  const close = async () => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await rm(folder, { recursive: true });
  };
  return { name, address, [Symbol.asyncDispose]: close };
}
