/**
 * Starts and ends the processes of the demo: shops and a balancer. Each is ended by its own process id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

export const shopNames = ['gull', 'kelp', 'seal'] as const;

/** Time for a process to say that it listens, and time for it to end when asked politely (ms). */
const startTime = 10_000;
const stopTime = 6_000;

export interface Running {
  readonly pid: number;
  /** Where it listens: `http://127.0.0.1:3001`. */
  readonly url: string;
  readonly port: number;
  /** How it ended: `SIGKILL`, `exit code 1`. Never rejects. */
  readonly exited: Promise<string>;
  /** SIGTERM, and SIGKILL for one that does not listen. Resolves when it is gone; may be called again. */
  stop(): Promise<void>;
  /** `kill -9`. */
  kill(): void;
}

export interface Shop extends Running {
  readonly name: string;
}

/** Of the demo's stateless sessions, the same for all shops; nobody else needs to know it. */
const secret = randomBytes(32).toString('base64url');

/** Every process started here that still lives, so that an interrupt in the middle of a start leaves none. */
const alive = new Set<() => Promise<void>>();
let closed = false;

/** Ends everything that was started here; nothing can be started afterwards. */
export async function stopAll(): Promise<void> {
  closed = true;
  await Promise.all([...alive].map((stop) => stop()));
}

/** A shop process on `port`, 0 for any, with these flags of `server.ts`. Rejects when it does not come up. */
export async function startShop(name: string, port: number, flags: readonly string[] = []): Promise<Shop> {
  const script = fileURLToPath(new URL('server.ts', import.meta.url));
  const running = await launch(
    `shop ${name}`,
    process.execPath,
    [script, '--name', name, '--port', String(port), ...flags],
    () => {},
  );
  return { ...running, name };
}

/** The balancer on `port` before the given shops. `onLine` hears what it says on stderr after it is ready. */
export function startBalancer(
  shops: readonly Shop[],
  port: number,
  flags: readonly string[],
  onLine: (line: string) => void,
): Promise<Running> {
  const command = fileURLToPath(new URL('../../bin/limpet', import.meta.url));
  const servers = shops.map((shop) => String(shop.port));
  return launch('limpet', command, [...servers, '--listen', `127.0.0.1:${port}`, ...flags], onLine);
}

/** How a program differs from a shop. */
export interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The line that says that it is ready, and where. */
  readonly ready?: RegExp;
}

/** Any program of a demo; its output goes to `onLine` after it is ready. Rejects when it does not come up. */
export async function launch(
  what: string,
  command: string,
  args: readonly string[],
  onLine: (line: string) => void,
  { env: more = {}, ready = /listening on (http:\/\/[^\s"]+)/ }: LaunchOptions = {},
): Promise<Running> {
  if (closed) throw new Error(`${what} was not started: everything is being stopped`);
  // The project's own Node and Bun come first, also when this was not started by npm.
  const bins = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url));
  const env = { ...process.env, SHOP_SECRET: secret, PATH: `${bins}${delimiter}${process.env.PATH ?? ''}`, ...more };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopTime);
    await exited;
    clearTimeout(late);
  };
  alive.add(stop);
  exited.then(() => alive.delete(stop));
  const url = await listening(what, child, exited, onLine, ready);
  return {
    pid: child.pid ?? 0,
    url,
    port: Number(/:(\d+)/.exec(url)?.[1] ?? 0),
    exited,
    stop,
    kill: () => child.kill('SIGKILL'),
  };
}

/** Waits for the line that says where it listens; later lines go to `onLine`. */
function listening(
  what: string,
  child: ChildProcess,
  exited: Promise<string>,
  onLine: (line: string) => void,
  where: RegExp,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    let ready = false;
    let rest = '';
    const fail = (why: string) => reject(new Error(`${what} did not start: ${why}\n${said.join('\n')}`.trimEnd()));
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`silent for ${startTime / 1000} s`);
    }, startTime);
    exited.then((how) => {
      clearTimeout(late);
      fail(how);
    });
    const hear = (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const url = ready ? undefined : where.exec(line)?.[1];
        if (url !== undefined) {
          ready = true;
          clearTimeout(late);
          resolve(url);
        } else if (ready) onLine(line);
        else said.push(line);
      }
    };
    child.stdout?.setEncoding('utf8').on('data', hear);
    child.stderr?.setEncoding('utf8').on('data', hear);
  });
}

/** True when nobody listens on that port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
