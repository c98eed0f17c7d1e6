/**
 * The config that is made from a command line. Its error messages name servers and options of the command line, not fields of a
 * file.
 */

import type { Config } from '../config/config.ts';
import { type Path, pathText, type Source } from '../config/problem.ts';

type Pool = Config['pools'][string];

export function commandLineSource(config: Config): Source {
  const pool = config.pools.default;
  const words = (path: Path, text: string): string =>
    `${optionOf(path, config, pool)}: ${inOptions(text, config, pool)}`;
  return { name: 'command line', locate: () => null, words };
}

function optionOf(path: Path, config: Config, pool: Pool | undefined): string {
  const [first, second, third, index] = path;
  if (first === 'listeners' && third === 'tls') return tlsFlag(path, config);
  if (first === 'listeners' && typeof second === 'number') return listener(config, second);
  if (first === 'sessions') return '--sessions';
  if (first !== 'pools' || second !== 'default') return pathText(path);
  if (third === 'servers' && typeof index === 'number') return server(pool, index);
  if (third === 'affinity' && typeof index === 'number') return affinity(pool, index);
  if (third === 'affinity' || third === 'balance' || third === 'health') return `--${third}`;
  return third === 'sessions' ? '--sessions' : pathText(path);
}

function inOptions(text: string, config: Config, pool: Pool | undefined): string {
  const plain = text.replace(/listeners\[\d+\]\.tls\.certificates(?:\[(\d+)\])?/g, (_, digits?: string) =>
    tlsFlag(['listeners', 0, 'tls', 'certificates', Number(digits)], config),
  );
  return plain.replace(/\b(listeners|servers|affinity)\[(\d+)\]/g, (_, kind: string, digits: string) => {
    const index = Number(digits);
    return kind === 'listeners'
      ? listener(config, index)
      : kind === 'servers'
        ? server(pool, index)
        : affinity(pool, index);
  });
}

function listener({ listeners }: Config, index: number): string {
  return `--listen ${listeners[index]?.address ?? ''}`;
}

/** Of `listeners[0].tls.certificates[1].key`. */
function tlsFlag([, , , , index, field]: Path, { listeners }: Config): string {
  const tls = listeners[0]?.tls;
  if (typeof tls !== 'object' || typeof tls.certificates !== 'object' || typeof index !== 'number') return '--tls';
  const named = tls.certificates[index];
  return field === 'key' ? `--tls-key ${named?.key}` : `--tls-cert ${named?.cert}`;
}

function server(pool: Pool | undefined, index: number): string {
  const written = pool?.servers[index];
  return `server "${typeof written === 'object' ? written.address : written}"`;
}

function affinity(pool: Pool | undefined, index: number): string {
  const all = pool?.affinity;
  const entry = typeof all === 'string' ? all : all?.[index];
  if (typeof entry !== 'object') return `--affinity ${entry ?? ''}`;
  const [[kind, value] = ['', '']] = Object.entries(entry);
  return `--affinity ${kind}:${typeof value === 'object' && 'name' in value ? value.name : String(value)}`;
}
