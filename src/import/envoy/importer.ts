/** `limpet import envoy.yaml`: the static listeners, routes and clusters of a bootstrap of Envoy, in YAML or JSON. */

import { parseListener } from '../../config/address.ts';
import { hostBreadth } from '../../config/host-pattern.ts';
import { UsageError } from '../../errors.ts';
import { formatAddress } from '../../net/socket.ts';
import { commonReasons } from '../common-reasons.ts';
import { ConfigBuilder, type Fields, type Pool } from '../config-builder.ts';
import type { Importer } from '../imported.ts';
import { Loops } from '../loops.ts';
import { entryOf } from '../names.ts';
import { intersect } from '../request-match.ts';
import { writeTime } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { readYaml } from '../yaml/yaml-file.ts';
import { Clusters } from './clusters.ts';
import { addressIn, at, carryAddress, configOf, durationAt, extension, textAt } from './fields.ts';
import { readFilters } from './filters.ts';
import { readVirtualHost, type Step } from './routes.ts';

export const importEnvoy: Importer = (text, file, loops = new Loops()) => {
  const yaml = readYaml(text, file);
  const [root] = yaml.roots;
  const resources = at(root ?? null, 'static_resources');
  const listeners = at(resources, 'listeners')?.items() ?? [];
  if (root === undefined || listeners.length === 0) {
    throw new UsageError(
      `${file}:${root?.firstLine ?? 1}: found no static_resources with listeners, expected a bootstrap of Envoy`,
    );
  }
  for (const [key, part] of root.entries()) part.leave(entryOf(reasons, key) ?? commonReasons.noCounterpart);
  at(root, 'dynamic_resources')?.warn('not-working', 'what the control plane says is not in this file');
  const clusters = new Clusters(at(resources, 'clusters'), loops);
  const pools = new Map<string, Pool>();
  const builder = new ConfigBuilder();
  for (const listener of listeners) importListener(listener, clusters, pools, builder);
  const config = builder.size === 0 ? null : builder.config();
  const notes = yaml.notes();
  if (config !== null) return { config, notes };
  const why = notes.find(({ concern }) => concern !== undefined);
  const reason = why === undefined ? '' : `, because of line ${why.line}: ${why.why}`;
  throw new UsageError(`${file}:${listeners[0]?.firstLine ?? 1}: no route of this file can be carried over${reason}`);
};

const reasons: Readonly<Record<string, string>> = {
  admin: 'the admin interface of Envoy is not there',
  node: 'it is about the process of Envoy itself',
  layered_runtime: 'it is about the process of Envoy itself',
  overload_manager: 'limits are those of docs/reference/config.md',
  stats_sinks: commonReasons.metrics,
  dynamic_resources: 'what the control plane says is not in this file',
};

function importListener(listener: Part, clusters: Clusters, pools: Map<string, Pool>, builder: ConfigBuilder): void {
  listener.leave('no route of it is carried over');
  const found = addressIn(at(listener, 'address'));
  const parsed = found === null ? null : parseListener(found.text.replace(/^(?:0\.0\.0\.0|\[::\])(?=:)/, ''));
  const chains = at(listener, 'filter_chains')?.items() ?? [];
  if (parsed === null) {
    (found?.noteOn ?? listener).warn('not-working', 'it is no address to listen on');
    return;
  }
  const address = formatAddress(parsed);
  for (const chain of chains) importChain(chain, { listener, address, clusters, pools, builder });
}

interface ChainContext {
  readonly listener: Part;
  readonly address: string;
  readonly clusters: Clusters;
  readonly pools: Map<string, Pool>;
  readonly builder: ConfigBuilder;
}

function importChain(chain: Part, { listener, address, clusters, pools, builder }: ChainContext): void {
  const filters = at(chain, 'filters')?.items() ?? [];
  const manager = filters.find((one) => /http_?connection_?manager/.test(extension(one)));
  const config = configOf(manager ?? null);
  if (manager === undefined || config === null) {
    for (const one of filters) {
      if (/tcp_?proxy|redis|mongo|mysql|postgres|thrift|dubbo/.test(extension(one))) {
        (at(one, 'name') ?? one).warn('not-working', commonReasons.onlyHttp);
      }
    }
    chain.leave(commonReasons.onlyHttp);
    return;
  }
  const inline = at(config, 'route_config');
  if (inline === null) {
    (at(config, 'rds') ?? manager).warn(
      'not-working',
      'its routes come from the control plane: they are not in this file',
    );
    return;
  }
  const { guards, session } = readFilters(at(config, 'http_filters')?.items() ?? []);
  const fields = readConnection(config);
  const before = builder.size;
  const connection = {
    clusters,
    session,
    idleMs: durationAt(config, 'stream_idle_timeout') ?? 300_000,
    ownAddress: textAt(config, 'use_remote_address') === 'true',
    pools,
  };
  const hosts = at(inline, 'virtual_hosts')?.items() ?? [];
  const steps = hosts.flatMap((virtualHost) => readVirtualHost(virtualHost, connection));
  addSteps(steps, address, builder);
  if (builder.size === before) return;
  warnAboutFallThrough(hosts, steps);
  builder.listen(address, fields);
  carryListener(listener, chain, manager, config);
  at(config, 'stream_idle_timeout')?.carry();
  at(config, 'use_remote_address')?.carry();
  for (const { part, what } of guards) part.warn('open', `${address}: ${what}`);
  for (const one of filters) {
    if (/\brbac\b|network\.rbac|ext_?authz/.test(extension(one))) {
      (at(one, 'name') ?? one).warn('open', `${address}: the filter let in some connections only`);
    }
  }
  const sources = at(chain, 'filter_chain_match', 'source_prefix_ranges');
  sources?.warn('open', `${address}: this filter chain was for some addresses only`);
}

/** Exact hosts come first, then patterns, then all hosts; within a host the order of the file counts. */
function addSteps(steps: readonly Step[], address: string, builder: ConfigBuilder): void {
  const sorted = steps.toSorted((a, b) => hostBreadth(a.host) - hostBreadth(b.host));
  for (const [index, step] of sorted.entries()) {
    if (step.pool !== null && typeof step.when !== 'string') {
      for (const match of step.when) builder.add({ ...match, listeners: [address] }, step.pool);
      continue;
    }
    const { when } = step;
    const goesOn = sorted.slice(index + 1).some((later) => {
      if (later.pool === null || typeof later.when === 'string') return false;
      if (typeof when === 'string') return true;
      const others = later.when;
      return when.some((one) => others.some((two) => intersect(one, two) !== null));
    });
    const where = `${step.host === '' ? '*' : step.host}`;
    if (step.kind === 'refused' && goesOn) step.part.warn('open', `${where}: what was refused goes to a server now`);
    else if (step.kind === 'answered') {
      const now = goesOn ? 'and a server gets it' : 'and nobody answers it';
      step.part.warn('not-working', `${where}: it is not answered or redirected here any more, ${now}`);
    }
  }
}

/**
 * In Envoy a host with a virtual host uses no other one. Here the virtual host for all domains takes what the first does not
 * route.
 */
function warnAboutFallThrough(hosts: readonly Part[], steps: readonly Step[]): void {
  const proxies = steps.filter(({ kind }) => kind === 'proxy');
  if (!proxies.some(({ host }) => host === '')) return;
  for (const virtualHost of hosts) {
    const own = proxies.filter(
      ({ part }) =>
        part.firstLine >= virtualHost.firstLine &&
        part.firstLine <= virtualHost.lastLine &&
        !hosts.some(
          (other) =>
            other !== virtualHost && other.firstLine > virtualHost.firstLine && other.firstLine <= part.firstLine,
        ),
    );
    if (own.length === 0 || own.some(({ host }) => host === '')) continue;
    const whole = own.some(
      ({ when }) =>
        typeof when !== 'string' &&
        when.some((one) => one.path === '/' && !one.exact && one.methods.length === 0 && one.extensions.length === 0),
    );
    if (!whole)
      (at(virtualHost, 'name') ?? virtualHost).warn(
        'open',
        'what it does not route goes to the virtual host for all domains now',
      );
  }
}

function readConnection(config: Part): Fields {
  const idle = at(config, 'common_http_protocol_options', 'idle_timeout');
  const time = durationAt(idle);
  if (time !== null && time > 0) idle?.carry();
  const upgrades = at(config, 'upgrade_configs')?.items() ?? [];
  const named = upgrades.flatMap((one) => {
    const type = at(one, 'upgrade_type');
    if (type?.text()?.toLowerCase() !== 'websocket') return [];
    one.carry();
    type.carry();
    return ['websocket'];
  });
  return {
    ...(time === null || time === 0 ? {} : { timeouts: { keepAlive: writeTime(time) } }),
    // By default Envoy forwards no upgrade.
    ...(named.length > 0 ? {} : { upgrades: [] }),
  };
}

function carryListener(listener: Part, chain: Part, manager: Part, config: Part): void {
  const tlsReason = 'its TLS is not carried over: write tls.certificates for the listener, which speaks plain HTTP';
  listener.carry();
  listener.leave(commonReasons.noCounterpart);
  at(listener, 'name')?.carry();
  carryAddress(at(listener, 'address'));
  chain.carry();
  const socket = at(chain, 'transport_socket');
  if (socket !== null) {
    listener.change(tlsReason);
    socket.leave('its TLS is not carried over: write tls.certificates for the listener');
    const clientCertificate = at(configOf(socket), 'require_client_certificate');
    if (clientCertificate?.text() === 'true') clientCertificate.warn('open', 'clients were asked for certificates');
  }
  manager.carry();
  for (const part of [at(manager, 'name'), config, config.get('@type'), at(config, 'route_config')]) part?.carry();
  at(config, 'http_filters')?.carry();
  at(config, 'stat_prefix')?.leave('it is a name for statistics');
  at(config, 'route_config', 'name')?.carry();
  at(config, 'codec_type')?.leave('HTTP/1.1 is spoken here');
  at(config, 'access_log')?.leave(commonReasons.logging);
}
