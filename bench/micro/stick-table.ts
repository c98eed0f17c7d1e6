/**
 * The same sessions in HAProxy's stick-table, filled and asked through its runtime API, the only way in without HTTP.
 * Every figure holds that API: one command's cost that does nothing is measured beside it. HAProxy's CPU time is its
 * own, read from /proc; the wall time has this program at the other end of the socket too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuTime, residentBytes } from '../macro/cpu.ts';
import { capture, endWithThisProcess, findProgram, temporaryDirectory } from '../macro/processes.ts';
import type { Cost } from './table.ts';

export interface StickTable {
  readonly version: string;
  readonly entries: number;
  readonly bytes: number;
  readonly insert: Cost;
  readonly hit: Cost;
  readonly miss: Cost;
  readonly nothing: Cost;
  /** Look-ups a second of two connections at once, for HAProxy's two threads. */
  readonly perSecond: number;
}

/** Commands in a line: 78 bytes each, and HAProxy's buffer has 16 kB. */
const perLine = 150;
const fillTime = 60_000;
const lookUps = 90_000;
const prompt = '>'.charCodeAt(0);

/** 36 characters, as a UUID has, different for each n and in no order: its tree is not filled from one side. */
function keyOf(n: number): string {
  const head = Math.imul(n + 1, 0x9e3779b1) >>> 0;
  return `${head.toString(16).padStart(8, '0')}-4d5c-8a51-9f1e-${n.toString(16).padStart(12, '0')}`;
}

const set = (n: number) => `set table sessions key ${keyOf(n)} data.server_id 1`;
const show = (n: number) => `show table sessions key ${keyOf(n)}`;

/** Null: HAProxy is not installed. Throws when it answers anything but what was asked. */
export async function measureStickTable(wanted: number): Promise<StickTable | null> {
  const program = findProgram('haproxy', 'BENCH_HAPROXY');
  if (program === null) return null;
  const directory = temporaryDirectory();
  const path = join(directory, 'api.sock');
  const config = join(directory, 'haproxy.cfg');
  writeFileSync(config, configOf(path, wanted));
  endWithThisProcess();
  const child = spawn(program, ['-db', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const end = () => child.kill('SIGKILL');
  process.on('exit', end);
  try {
    const pid = child.pid;
    if (pid === undefined) throw new Error(`${program} did not start`);
    const one = await connected(child, path);
    const two = await connected(child, path);
    return { version: versionOf(program), ...(await measure(pid, wanted, one, two)) };
  } finally {
    process.off('exit', end);
    end();
  }
}

function versionOf(program: string): string {
  return /version (\d[\d.]*\d)/.exec(capture(program, ['-v']))?.[1] ?? 'unknown';
}

function configOf(path: string, entries: number): string {
  return `global
  stats socket ${path} mode 600 level admin
  stats timeout 1h
  nbthread 2

defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s

backend sessions
  stick-table type string len 36 size ${entries} expire 1h store server_id
  stick on req.cook(sid)
  server one 127.0.0.1:9
`;
}

async function measure(pid: number, wanted: number, one: Api, two: Api): Promise<Omit<StickTable, 'version'>> {
  const nothing = await timed(pid, lookUps, (from, to) => one.ask(from, to, () => 'set severity-output none', ''));
  const before = residentBytes(pid);
  let entries = 0;
  const until = performance.now() + fillTime;
  const insert = await timed(pid, wanted, async (from, to) => {
    if (performance.now() > until) return false;
    await one.ask(from, to, set, '');
    entries = to;
  });
  const bytes = (residentBytes(pid) - before) / entries;
  await one.expectUsed(entries);
  const stride = Math.max(1, Math.floor(entries / lookUps));
  // A prime step round the table: neighbours in time are none in the tree.
  const some = (n: number) => Number((BigInt(n * stride) * 7_368_787n) % BigInt(entries));
  const showSome = (n: number) => show(some(n));
  const hit = await timed(pid, lookUps, (from, to) => one.ask(from, to, showSome, 'server_id=1'));
  const miss = await timed(pid, lookUps, (from, to) => one.ask(from, to, (n) => show(entries + n), ''));
  const both = await timed(pid, lookUps, async (from, to) => {
    await Promise.all([one, two].map((api) => api.ask(from, to, showSome, 'server_id=1')));
  });
  return { entries, bytes, insert, hit, miss, nothing, perSecond: (2 * 1e9) / both.wall };
}

/** Nanoseconds a command, of `count` in lines of `perLine`, or of fewer if `run` says false: no more. */
async function timed(pid: number, count: number, run: (from: number, to: number) => Promise<unknown>): Promise<Cost> {
  const cpu = () => {
    const { user, system } = cpuTime(pid);
    return user + system;
  };
  const [startCpu, start] = [cpu(), performance.now()];
  let done = 0;
  while (done < count) {
    const to = Math.min(done + perLine, count);
    if ((await run(done, to)) === false) break;
    done = to;
  }
  return { wall: ((performance.now() - start) * 1e6) / done, cpu: ((cpu() - startCpu) * 1e3) / done };
}

/** One interactive connection: each command's answer ends with a prompt. */
class Api {
  private readonly socket: Socket;
  private readonly chunks: Buffer[] = [];
  private prompts = 0;
  private arrived = () => {};
  private failed = (_error: Error) => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      for (let at = chunk.indexOf(prompt); at >= 0; at = chunk.indexOf(prompt, at + 1)) this.prompts--;
      if (this.prompts <= 0) this.arrived();
    });
    socket.on('close', () => this.failed(new Error('HAProxy closed its runtime API')));
    socket.on('error', (error) => this.failed(error));
  }

  /** What it says to a line of `commands` commands. */
  async say(line: string, commands: number): Promise<string> {
    this.prompts = commands;
    this.chunks.length = 0;
    await new Promise<void>((done, fail) => {
      this.arrived = done;
      this.failed = fail;
      this.socket.write(`${line}\n`);
    });
    return Buffer.concat(this.chunks).toString('latin1');
  }

  /** Commands `from` to `to`, each to be answered with one `expected`; '' is an answer without a word. */
  async ask(from: number, to: number, command: (n: number) => string, expected: string): Promise<void> {
    const commands = Array.from({ length: to - from }, (_, n) => command(from + n));
    const answer = await this.say(commands.join(';'), to - from);
    const right = expected === '' ? /^[\n> ]*$/.test(answer) : answer.split(expected).length === to - from + 1;
    if (!right) throw new Error(`HAProxy said ${JSON.stringify(answer.slice(0, 200))} to ${commands[0]}`);
  }

  async expectUsed(entries: number): Promise<void> {
    const answer = await this.say('show table', 1);
    if (!answer.includes(`used:${entries}\n`)) throw new Error(`not ${entries} entries: ${answer.slice(0, 200)}`);
  }
}

/** Tries for 5 seconds: HAProxy makes the socket when it is ready. */
async function connected(child: ChildProcess, path: string): Promise<Api> {
  for (let tries = 0; tries < 100 && child.exitCode === null; tries++) {
    const socket = createConnection(path);
    const isOpen = await new Promise<boolean>((done) => {
      socket.once('connect', () => done(true));
      socket.once('error', () => done(false));
    });
    if (isOpen) {
      const api = new Api(socket);
      await api.say('prompt', 1);
      return api;
    }
    await sleep(50);
  }
  const said = child.stderr?.read()?.toString() ?? '';
  throw new Error(`HAProxy does not open its runtime API: ${said.trim() || 'it said nothing'}`);
}
