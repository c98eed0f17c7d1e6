/** The file of the state folder that keeps what operators have changed of servers (kept-changes.ts), through restarts. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, UsageError } from '../errors.ts';
import { type KeptChange, KeptChanges } from './kept-changes.ts';

const changeFields = new Set(['state', 'weight', 'maxRequests', 'added', 'removed']);

/** None when there is no file. Throws UsageError when it cannot be read, or holds something else. */
export function readKeptChanges(file: string): KeptChanges {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return KeptChanges.none;
    throw new UsageError(`the changes of servers in ${file} cannot be read: ${codeOf(error)}`, { cause: error });
  }
  const found = parse(text);
  if (isMap(found) && Object.values(found).every(isChange)) {
    return new KeptChanges(new Map(Object.entries(found as Readonly<Record<string, KeptChange>>)));
  }
  throw new UsageError(
    `${file} holds no changes of servers, such as {"shop/s1":{"state":"drain"}}: servers are as the config has them. Remove it`,
  );
}

/** What is no change of a server is left out: whoever can write to the store may have written anything. */
export function changesFrom(orders: ReadonlyMap<string, string>): KeptChanges {
  const entries = [...orders].flatMap(([name, text]) => {
    const change = parse(text);
    return isMap(change) && isChange(change) ? [[name, change as KeptChange] as const] : [];
  });
  return new KeptChanges(new Map(entries));
}

/** Writes the whole file or nothing. Throws UsageError when it cannot be written. */
export function writeKeptChanges(file: string, { byServer }: KeptChanges): void {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(Object.fromEntries(byServer))}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    throw new UsageError(`the changes of servers cannot be written to ${file}: ${codeOf(error)}`, { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isMap(found: unknown): found is Fields {
  return typeof found === 'object' && found !== null && !Array.isArray(found);
}

function isChange(found: unknown): boolean {
  if (!isMap(found) || !Object.keys(found).every((name) => changeFields.has(name))) return false;
  const { state, weight, maxRequests, added, removed } = found;
  return (
    (state === undefined || state === 'drain' || state === 'down') &&
    (weight === undefined || isOverride(weight)) &&
    (maxRequests === undefined || isOverride(maxRequests)) &&
    (added === undefined || isServer(added)) &&
    (removed === undefined || isAddress(removed))
  );
}

function isOverride(found: unknown): boolean {
  return isMap(found) && isWhole(found.value) && isWhole(found.over);
}

function isServer(found: unknown): boolean {
  if (!isMap(found) || typeof found.name !== 'string' || !isAddress(found.address)) return false;
  return isWhole(found.weight) && isWhole(found.maxRequests) && (found.resolve === 'any' || found.resolve === 'all');
}

function isAddress(found: unknown): boolean {
  if (!isMap(found)) return false;
  if (found.kind === 'unix') return typeof found.path === 'string';
  return found.kind === 'tcp' && typeof found.host === 'string' && isWhole(found.port);
}

function isWhole(found: unknown): boolean {
  return Number.isSafeInteger(found) && (found as number) >= 0;
}
