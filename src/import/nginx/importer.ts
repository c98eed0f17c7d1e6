/** An nginx.conf, or a part of one, as a config of ours: upstreams are pools, servers and locations are routes. */
import { UsageError } from '../../errors.ts';
import type { Importer } from '../imported.ts';
import { refuseBlocks as refuseTemplate } from '../template.ts';
import { Ledger } from './ledger.ts';
import { Reader } from './reader.ts';
import { isListenerSetting, isPoolSetting } from './settings.ts';
import { type Directive, parseNginx } from './syntax.ts';
import { withoutVariables } from './values.ts';

export const importNginx: Importer = (text, file) => {
  refuseTemplate(text, file);
  const directives = parseNginx(text, file);
  refuseBlocks(directives, file, '');
  const ledger = new Ledger();
  const reader = new Reader(ledger);
  const inside = httpOf(directives, ledger);
  reader.readUpstreams(inside);
  reader.readHttp(inside);
  const flaw = reader.flaw(inside);
  if (flaw !== null) throw new UsageError(`${file}:${flaw.line}: ${flaw.why}`);
  const config = reader.finish();
  return { config: withoutVariables(config) as Record<string, unknown>, notes: ledger.notes(directives, text) };
};

/** What stands in `http`. A file that `http` includes (conf.d) has no block around it. */
function httpOf(directives: readonly Directive[], ledger: Ledger): Directive[] {
  return directives.flatMap((directive) => {
    if (directive.name !== 'http' || directive.block === null) return [directive];
    ledger.carry(directive);
    return directive.block;
  });
}

const simple = new Set(
  [
    'ip_hash hash sticky least_conn least_time random round_robin zone keepalive queue listen server_name',
    'proxy_pass proxy_http_version proxy_set_header proxy_redirect proxy_buffering proxy_request_buffering',
    'set_real_ip_from real_ip_header real_ip_recursive',
  ].flatMap((names) => names.split(' ')),
);

/** As nginx does: what ends in a semicolon has no block, or its block would be lost without a word. */
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
