/** `limpet import nginx.conf`, or a part of one: upstreams are pools, servers and locations are routes. */

import { UsageError } from '../../errors.ts';
import type { Directive } from '../directive.ts';
import { DirectiveReport } from '../directive-report.ts';
import type { Importer } from '../imported.ts';
import { Loops } from '../loops.ts';
import { refuseBlocks as refuseTemplate } from '../template.ts';
import { withoutVariables } from '../values.ts';
import { HttpReader } from './http-reader.ts';
import { isListenerSetting, isPoolSetting } from './settings.ts';
import { parseNginx } from './syntax.ts';

export const importNginx: Importer = (text, file, loops = new Loops()) => {
  refuseTemplate(text, file);
  const directives = parseNginx(text, file);
  refuseBlocks(directives, file, '');
  const report = new DirectiveReport();
  const reader = new HttpReader(report, loops);
  const inside = httpOf(directives, report);
  reader.read(inside);
  const failure = reader.failure(inside);
  if (failure !== null) throw new UsageError(`${file}:${failure.line}: ${failure.why}`);
  const config = reader.config();
  leaveOutUnread(directives, report);
  return { config: withoutVariables(config) as Record<string, unknown>, notes: report.notes(directives, text) };
};

/** The directives in `http`. A file in conf.d, which `http` includes, has no block around them. */
function httpOf(directives: readonly Directive[], report: DirectiveReport): Directive[] {
  return directives.flatMap((directive) => {
    if (directive.name !== 'http' || directive.block === null) return [directive];
    report.carry(directive);
    return directive.block;
  });
}

const simple = new Set(
  [
    'ip_hash hash sticky least_conn least_time random round_robin zone keepalive queue listen server_name',
    'proxy_pass grpc_pass proxy_http_version proxy_set_header proxy_redirect proxy_buffering proxy_request_buffering',
    'set_real_ip_from real_ip_header real_ip_recursive',
  ].flatMap((names) => names.split(' ')),
);

/** Like nginx, refuses a block after a directive that has none. Otherwise the block would be lost without a note. */
function refuseBlocks(directives: readonly Directive[], file: string, inside: string): void {
  for (const { name, block, line } of directives) {
    if (block === null) continue;
    if (
      simple.has(name) ||
      isPoolSetting(name) ||
      isListenerSetting(name) ||
      (name === 'server' && inside === 'upstream')
    ) {
      throw new UsageError(`${file}:${line}: found "{" after "${name}", expected ";"`);
    }
    refuseBlocks(block, file, name);
  }
}

/** Directives whose blocks are read. In nginx no other directive that is carried over has a block. */
const readBlocks = new Set(['http', 'server', 'location', 'upstream', 'if', 'limit_except', 'map', 'match']);

/** Leaves out the directives in other blocks. Most often a `;` is missing before such a block. */
function leaveOutUnread(directives: readonly Directive[], report: DirectiveReport): void {
  for (const { name, block } of directives) {
    for (const inner of readBlocks.has(name) ? [] : (block ?? [])) {
      if (!report.isDecided(inner))
        report.leaveOut(inner, `it stands in a block of ${name}, which nginx does not know`);
    }
    leaveOutUnread(block ?? [], report);
  }
}
