/**
 * `limpet import traefik.yaml`: dynamic and static files of Traefik in YAML and TOML, Compose files with its labels,
 * IngressRoutes.
 */

import { UsageError } from '../../errors.ts';
import { commonReasons } from '../common-reasons.ts';
import { ConfigBuilder } from '../config-builder.ts';
import type { Importer } from '../imported.ts';
import { objectsOf } from '../kubernetes/objects.ts';
import { Services } from '../kubernetes/servers.ts';
import { Loops } from '../loops.ts';
import { entryOf } from '../names.ts';
import type { Part } from '../yaml/part.ts';
import { readToml } from '../yaml/toml.ts';
import { readYaml } from '../yaml/yaml-file.ts';
import { isCompose, readCompose } from './compose.ts';
import { isCrd, readIngressRoutes, specsOf } from './crd.ts';
import { type HttpPart, partsNamed, readRouters } from './dynamic.ts';
import { EntryPoints } from './entry-points.ts';
import { field } from './fields.ts';
import { Middlewares } from './middlewares.ts';
import { addRouters } from './routers.ts';

export const importTraefik: Importer = (text, file, loops = new Loops()) => {
  const yaml = isToml(text) || /\.toml$/.test(file) ? readToml(text, file) : readYaml(text, file);
  const documents = [...yaml.roots];
  const https: HttpPart[] = [];
  const staticParts: Part[] = [];
  for (const root of documents) {
    if (root.get('kind') !== null) continue;
    if (isCompose(root)) {
      const { labelled, flags } = readCompose(root, yaml, text);
      staticParts.push(...flags);
      for (const { container, settings } of labelled) {
        warnAboutOthers(settings);
        const part = field(settings, 'http');
        if (part !== null) https.push({ part, container });
      }
      continue;
    }
    warnAboutOthers(root);
    const part = field(root, 'http');
    if (part !== null) https.push({ part, container: null });
    staticParts.push(root);
  }
  const objects = objectsOf({ roots: documents.filter((root) => root.get('kind') !== null) });
  const entryPoints = new EntryPoints(loops);
  for (const root of staticParts) {
    for (const [key, part] of root.entries())
      part.leave(entryOf(reasons, key.toLowerCase()) ?? commonReasons.noCounterpart);
    for (const [name, part] of field(root, 'entryPoints')?.entries() ?? []) entryPoints.add(name, part);
  }
  const routers = [...readRouters(https, loops), ...readIngressRoutes(objects, new Services(objects, loops))];
  const [first] = routers;
  if (first === undefined) {
    const expected = 'expected http.routers, labels traefik.http.routers, or an IngressRoute';
    throw new UsageError(`${file}:${documents[0]?.firstLine ?? 1}: found no router of Traefik, ${expected}`);
  }
  const middlewares = new Middlewares([...partsNamed(https, 'middlewares'), ...specsOf(objects, 'Middleware')]);
  for (const one of objects)
    if (isCrd(one)) one.part.get('metadata')?.leave('it describes the object to Kubernetes only');
  for (const [name, spec] of specsOf(objects, 'TLSOption')) {
    field(spec, 'clientAuth')?.warn('open', `clients were asked for certificates (TLSOption "${name}")`);
  }
  const builder = new ConfigBuilder();
  addRouters(routers, { builder, entryPoints, middlewares });
  const config = builder.size === 0 ? null : builder.config();
  const notes = yaml.notes();
  if (config !== null) return { config, notes, chosenListeners: entryPoints.chosenAddresses };
  const why = notes.find(({ line }) => line >= first.part.firstLine && line <= first.part.lastLine);
  const reason = why === undefined ? '' : `, because of line ${why.line}: ${why.why}`;
  throw new UsageError(`${file}:${first.part.firstLine}: no router of this file can be carried over${reason}`);
};

/** A line is the header of a table, and no line is a key of YAML. */
function isToml(text: string): boolean {
  return (
    /^\s*\[\[?[\w."'-]+(?:\s*\.\s*[\w."'-]+)*\]?\]\s*(?:#.*)?$/m.test(text) && !/^\s*[\w."'-]+\s*:(?:\s|$)/m.test(text)
  );
}

/** Routers of TCP and UDP are not carried over: their services are not served. */
function warnAboutOthers(root: Part): void {
  for (const kind of ['tcp', 'udp']) {
    const part = field(root, kind);
    part?.leave(commonReasons.onlyHttp);
    for (const [name, router] of field(part, 'routers')?.entries() ?? []) {
      router.warn('not-working', `the ${kind} router "${name}": HTTP alone is balanced here`);
    }
  }
  for (const [name, one] of field(root, 'tls', 'options')?.entries() ?? []) {
    field(one, 'clientAuth')?.warn('open', `clients were asked for certificates (options "${name}")`);
  }
  field(root, 'http')?.leave(commonReasons.noCounterpart);
  field(root, 'tls')?.leave(commonReasons.endTlsInFront);
}

const reasons: Readonly<Record<string, string>> = {
  tcp: commonReasons.onlyHttp,
  udp: commonReasons.onlyHttp,
  tls: commonReasons.endTlsInFront,
  entrypoints: 'only addresses, trusted addresses and idle times of entry points are needed here',
  providers: 'it says where Traefik finds its configuration',
  certificatesresolvers: commonReasons.endTlsInFront,
  api: 'the dashboard of Traefik is not there',
  ping: 'no path answers by itself',
  log: commonReasons.logging,
  accesslog: commonReasons.logging,
  metrics: commonReasons.metrics,
  tracing: commonReasons.tracing,
  global: 'it is about the process of Traefik itself',
  serverstransport: 'time-outs to servers are those of the pool',
  experimental: 'there are no plugins here',
  hub: 'it is about the process of Traefik itself',
};
