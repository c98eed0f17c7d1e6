/** A Compose file: the labels `traefik.*` of its services, and the flags of a Traefik that is one of them, as trees. */

import { Scalar } from 'yaml';
import { parsePort } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { TreeBuilder, withRange } from '../yaml/tree-builder.ts';
import type { YamlFile } from '../yaml/yaml-file.ts';
import { field } from './fields.ts';
import type { Container } from './servers.ts';

export interface LabelledContainer {
  readonly container: Container;
  /** The labels below `traefik`. */
  readonly settings: Part;
}

export interface ComposeSettings {
  readonly labelled: readonly LabelledContainer[];
  /** Static settings, given as flags. */
  readonly flags: readonly Part[];
}

export function isCompose(root: Part): boolean {
  const services = root.get('services');
  return services?.isMap === true && root.get('http') === null && root.get('kind') === null;
}

export function readCompose(root: Part, yaml: YamlFile, source: string): ComposeSettings {
  root.leave('it is about the containers, not about the way to them');
  const labelled: LabelledContainer[] = [];
  const flags: Part[] = [];
  for (const [name, service] of root.get('services')?.entries() ?? []) {
    if (/(?:^|\/)traefik(?::|@|$)/.test(service.textAt('image') ?? '')) {
      const tree = treeOf(settingsIn(service.get('command'), /^--/, source), yaml, '');
      if (tree !== null) flags.push(tree);
    }
    const found = settingsIn(service.get('labels'), /^/, source).concat(
      settingsIn(service.at('deploy', 'labels'), /^/, source),
    );
    const ours = found.filter(({ key }) => /^traefik\./i.test(key));
    const off = ours.find(({ key, value }) => key.toLowerCase() === 'traefik.enable' && value === 'false');
    if (ours.length === 0 || off !== undefined) continue;
    const settings = treeOf(ours, yaml, 'traefik.');
    if (settings === null) continue;
    const container = containerOf(name, service);
    field(settings, 'enable')?.carry();
    field(settings, 'docker')?.leave('it is about the network of the containers');
    field(settings, 'swarm')?.leave('it is about the network of the containers');
    labelled.push({ container, settings });
  }
  return { labelled, flags };
}

function containerOf(name: string, service: Part): Container {
  const ports = new Set<number>();
  for (const one of [...(service.get('expose')?.items() ?? []), ...(service.get('ports')?.items() ?? [])]) {
    const text = one.textAt('target') ?? one.text() ?? '';
    const port = parsePort(/(\d+)(?:\/tcp)?$/.exec(text)?.[1] ?? null);
    if (port !== null) ports.add(port);
  }
  const [port = null] = ports.size === 1 ? ports : [];
  const count = service.textAt('deploy', 'replicas') ?? service.textAt('scale');
  const global = service.textAt('deploy', 'mode') === 'global';
  const many = global || (count !== null && !/^[01]$/.test(count));
  const severalReason =
    `this one name stands for ${global ? 'a container on each node' : `${count ?? ''} containers`}, so each connection ` +
    'may meet another: write them as services of their own (app1, app2)';
  const resolvesToAll = service.at('deploy', 'labels') === null && !global;
  return { name, port, severalReason: many ? severalReason : '', resolvesToAll, part: service };
}

interface Setting {
  readonly key: string;
  readonly value: string;
  readonly part: Part;
  readonly range: readonly [number, number];
}

/** `- a.b=c`, or `a.b: c`. In a Compose file `$$` is a dollar sign. */
function settingsIn(part: Part | null, wanted: RegExp, source: string): Setting[] {
  const plain = (text: string) => text.replaceAll('$$', '$');
  const items = (part?.items() ?? []).map((one) => ({ text: one.text() ?? '', part: one, range: one.range }));
  const listed = [...(part === null ? [] : wordsOf(part, source)), ...items].flatMap(({ text, part: one, range }) => {
    const [, key = '', value] = /^\s*([^=\s]+)(?:\s*=\s*(.*))?$/s.exec(text) ?? [];
    return wanted.test(key) ? [{ key, value: plain(value ?? 'true').trim(), part: one, range }] : [];
  });
  const named = (part?.entries() ?? []).flatMap(([key, one]) =>
    wanted.test(key) ? [{ key, value: plain(one.text() ?? ''), part: one, range: one.range }] : [],
  );
  return [...listed, ...named];
}

/** The words of a command that is one text, each with its position: a command may have several lines. */
function wordsOf(part: Part, source: string): { text: string; part: Part; range: readonly [number, number] }[] {
  let [from] = part.range;
  return (part.text()?.split(/\s+/) ?? []).map((text) => {
    const at = Math.max(from, source.indexOf(text, from));
    from = at + text.length;
    return { text, part, range: [at, from] as const };
  });
}

/** Turns names with dots and `[0]` into a tree, in which each value has its own line. */
function treeOf(settings: readonly Setting[], yaml: YamlFile, prefix: string): Part | null {
  const [first] = settings;
  if (first === undefined) return null;
  const tree = new TreeBuilder(first.range);
  const keys = settings.map(({ key }) => key.toLowerCase());
  for (const { key, value, range, part } of settings) {
    // `sticky.cookie=true` adds nothing to `sticky.cookie.name=x`.
    if (value === 'true' && keys.some((other) => other.startsWith(`${key.toLowerCase()}.`))) {
      part.carry();
      continue;
    }
    const path = key
      .replace(/^--/, '')
      .slice(prefix.length)
      .split('.')
      .flatMap((name) => {
        const [, key = '', index] = /^([^[\]]*)(?:\[(\d{1,4})\])?$/.exec(name) ?? [undefined, name];
        return index === undefined ? [key] : [key, Number(index)];
      })
      // Case does not matter, except in the names of routers and services: http.routers.NAME.
      .map((step, index) => (typeof step === 'string' && index !== 2 ? step.toLowerCase() : step));
    const last = path.pop();
    const at = last === undefined ? null : tree.open(tree.root, path, range);
    if (at === null || last === undefined || !tree.put(at, last, withRange(new Scalar(value), range), range)) {
      part.leave('another label says something else of the same thing');
    } else part.carry();
  }
  return yaml.addTree(tree.root);
}
