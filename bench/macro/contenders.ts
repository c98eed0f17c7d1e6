/** Starts every rival at a stage and checks it; one that cannot take part gets its row at once. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { backend } from './backend.ts';
import { check } from './check.ts';
import { missingForTls } from './compile.ts';
import type { Cores } from './machine.ts';
import { endBelow, freePorts, lastWords, temporaryDirectory } from './processes.ts';
import type { Outcome, Row } from './report.ts';
import type { Rival, Stage, Started } from './rival.ts';

/** A rival that answers correctly and waits for its turns. */
export interface Contender {
  readonly key: string;
  readonly port: number;
  readonly started: Started;
  /** Its own, with the log of what it says. */
  readonly dir: string;
}

export interface Contest {
  readonly contenders: readonly Contender[];
  /** Rows of those that do not take part, by key. */
  readonly outOfTheRace: ReadonlyMap<string, Row>;
  close(): Promise<void>;
}

export async function openContest(rivals: ReadonlyMap<string, Rival>, stage: Stage, cores: Cores): Promise<Contest> {
  const directory = temporaryDirectory();
  const ports = await backend(stage.backend, cores.load);
  const servers = addressesOf(stage.servers, ports);
  const outOfTheRace = new Map<string, Row>();
  const contenders: Contender[] = [];
  for (const [key, rival] of rivals) {
    const leaveOut = (outcome: Outcome) => outOfTheRace.set(key, { key, name: rival.name, outcome });
    const reason = (stage.tls ? missingForTls() : null) ?? rival.available() ?? rival.lacks?.(stage) ?? null;
    if (reason !== null) {
      leaveOut({ state: 'absent', reason });
      continue;
    }
    try {
      const dir = join(directory, key);
      mkdirSync(dir);
      const [port = 0] = await freePorts(1);
      const endpoint = { port, tls: stage.tls ?? false, http2: stage.http2 ?? false };
      const own = stage.workers === 1 ? [cores.proxy] : [cores.proxy, cores.load];
      const started = await rival.start({ ...endpoint, servers, cores: own, workers: stage.workers, dir });
      const wrong = await check(endpoint, started, stage.servers);
      if (wrong === null) contenders.push({ key, port, started, dir });
      else leaveOut({ state: 'wrong', reason: wrong });
    } catch (error) {
      leaveOut({ state: 'wrong', reason: messageOf(error) });
    }
  }
  return { contenders, outOfTheRace, close: () => endBelow(directory) };
}

/** Four ports make as many servers as one likes: 127.0.0.1, 127.0.0.2 and so on are all this machine. */
export function addressesOf(servers: number, ports: readonly number[]): string[] {
  return Array.from({ length: servers }, (_, index) => {
    const host = 1 + Math.floor(index / ports.length);
    return `127.0.${host >> 8}.${host & 255}:${ports[index % ports.length]}`;
  });
}

/** How the logs in a rival's directory end; '' when there are none, or nothing in them. */
export function lastWordsIn(dir: string): string {
  const logs = readdirSync(dir).filter((name) => name.endsWith('.log'));
  return logs
    .map((name) => lastWords(join(dir, name)))
    .filter((said) => said !== '')
    .join(' | ');
}

/** In one line, with what is behind it: fetch itself says no more than that it failed. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${messageOf(error.cause)}`;
  return `${error.message}${cause}`.replaceAll('\n', ' ');
}
