/** Starts every rival at a stage, checks it and warms it up; one that cannot take part gets its row at once. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { backend, body } from './backend.ts';
import { check } from './check.ts';
import { headOf, runLoad } from './load.ts';
import type { Cores } from './machine.ts';
import { endBelow, freePorts, temporaryDirectory } from './processes.ts';
import type { Outcome, Row } from './report.ts';
import type { Rival, Stage, Started } from './rival.ts';

/** A rival that answers correctly and waits for its turns. */
export interface Contender {
  readonly key: string;
  readonly port: number;
  readonly started: Started;
}

export interface Contest {
  readonly contenders: readonly Contender[];
  /** Rows of those that do not take part, by key. */
  readonly outOfTheRace: ReadonlyMap<string, Row>;
  close(): Promise<void>;
}

export async function openContest(
  rivals: ReadonlyMap<string, Rival>,
  stage: Stage,
  cores: Cores,
  warmup: number,
): Promise<Contest> {
  const directory = temporaryDirectory();
  const ports = await backend(stage.backend, cores.load);
  const servers = addressesOf(stage.servers, ports);
  const outOfTheRace = new Map<string, Row>();
  const contenders: Contender[] = [];
  for (const [key, rival] of rivals) {
    const leaveOut = (outcome: Outcome) => outOfTheRace.set(key, { key, name: rival.name, outcome });
    const reason = rival.available() ?? rival.lacks?.(stage) ?? null;
    if (reason !== null) {
      leaveOut({ state: 'absent', reason });
      continue;
    }
    try {
      const dir = join(directory, key);
      mkdirSync(dir);
      const [port = 0] = await freePorts(1);
      const own = stage.workers === 1 ? [cores.proxy] : [cores.proxy, cores.load];
      const started = await rival.start({ port, servers, cores: own, workers: stage.workers, dir });
      const wrong = await check(port, started, stage.servers);
      if (wrong === null) {
        contenders.push({ key, port, started });
        if (warmup > 0) await warm(port, started, cores.load, warmup);
      } else leaveOut({ state: 'wrong', reason: wrong });
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

/** What is compiled while it runs is not fast at once. */
function warm(port: number, { cookies }: Started, core: number, seconds: number): Promise<unknown> {
  const heads = cookies.map((cookie) => headOf({ cookie }));
  const options = ['-t', String(seconds * 1000), '-l', String(Buffer.byteLength(body))];
  return runLoad({ source: 'load/http.c', core, port, heads, options });
}

/** In one line, with what is behind it: fetch itself says no more than that it failed. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${messageOf(error.cause)}`;
  return `${error.message}${cause}`.replaceAll('\n', ' ');
}
