/** The pools of a haproxy.cfg: one for each backend and listen section with servers. */

import { UsageError } from '../../errors.ts';
import type { Loops } from '../loops.ts';
import { isLoopback } from '../values.ts';
import type { Directives } from './directives.ts';
import { type Bind, bindsOf } from './frontend.ts';
import type { LineReport } from './line-report.ts';
import type { Line } from './lines.ts';
import { type Pool, readPool } from './pool.ts';
import type { ProxySection } from './sections.ts';
import { readTable, type Table } from './stick.ts';
import type { Bases } from './tls.ts';
import { bindAddress } from './values.ts';

/** By the name of the section. Each section without a server that can be carried over is left out. */
export function readPools(
  directives: ReadonlyMap<ProxySection, Directives>,
  proxies: readonly ProxySection[],
  report: LineReport,
  loops: Loops,
  bases: Bases,
): Map<string, Pool> {
  const tables = new Map<string, Table>();
  for (const [{ name }, found] of directives) {
    const table = readTable(found);
    if (table !== undefined) tables.set(name, table);
  }
  const binds = proxies.flatMap(bindsOf);
  const pools = new Map<string, Pool>();
  for (const [proxy, found] of directives) {
    if (proxy.kind === 'frontend') continue;
    const context = {
      port: portTo(proxy, [...directives.keys()]),
      listensOn: (address: string) => listenerAt(address, binds),
      whyLoop: (address: string) => loops.why(address),
      bases,
    };
    const pool = readPool(proxy, found, tables, context);
    if (pool !== null) pools.set(proxy.name, pool);
    else if (proxy.kind === 'backend') {
      report.leaveOut(proxy.header, 'no server of it can be carried over');
      for (const line of proxy.own.filter((one) => !report.isDecided(one))) {
        report.leaveOut(line, `no server of backend ${proxy.name} can be carried over`);
      }
    }
  }
  return pools;
}

/** Why there is no pool at all, with the line. */
export function noPool(
  proxies: readonly ProxySection[],
  lines: readonly Line[],
  report: LineReport,
  file: string,
): UsageError {
  const poolSections = proxies.filter(({ kind }) => kind !== 'frontend');
  const isServer = ({ words: [word] }: Line) => word === 'server' || word === 'server-template';
  const notes = poolSections.flatMap(({ own }) => report.notes(own.filter(isServer)));
  const found = notes.find(({ kind, concern }) => kind === 'left-out' && concern !== undefined) ?? notes[0];
  // If a whole section is left out, the error names its first line.
  const whole = poolSections.find(
    ({ own }) => /^(?:no )?mode /.test(found?.why ?? '') && own.some(({ number }) => number === found?.line),
  );
  const note = found && { ...found, ...(whole && { line: whole.header.number }) };
  const header = (poolSections.find(({ own }) => own.some(isServer)) ?? poolSections[0])?.header ?? lines[0];
  const why =
    note === undefined ? 'there is no server in a backend or listen section' : `line ${note.line}: ${note.why}`;
  return new UsageError(
    `${file}:${note?.line ?? header?.number ?? 1}: found no server that can be carried over: ${why}`,
  );
}

/** The port of the sections that lead to this one; undefined if they have different ones. */
function portTo({ name }: ProxySection, proxies: readonly ProxySection[]): number | undefined {
  const ports = new Set<number>();
  for (const proxy of proxies) {
    const leads = ({ words: [word, to] }: Line) => /^(?:use_|default_)backend$/.test(word) && to === name;
    if (proxy.name !== name && !proxy.lines.some(leads)) continue;
    for (const { where } of proxy.kind === 'backend' ? [] : bindsOf(proxy))
      for (const piece of where.split(',')) ports.add(Number(/:([0-9]+)$/.exec(piece)?.[1] ?? 0));
  }
  const [port] = ports;
  return ports.size === 1 && port !== 0 ? port : undefined;
}

/** The line on which this file itself listens at this address: a server there would make a loop. */
function listenerAt(address: string, binds: readonly Bind[]): Line | undefined {
  const split = (text: string) => /^(.*):([0-9]+)$/.exec(text) ?? ['', text, ''];
  const [, host = '', port] = split(address);
  const here = isLoopback(host);
  return binds.find(({ where }) =>
    where.split(',').some((piece) => {
      const written = bindAddress(piece);
      const [, on = '', at] = 'why' in written ? [] : split(written.address);
      return at === port && (on === host || (here && ['', '0.0.0.0', '[::]'].includes(on)));
    }),
  )?.line;
}
