/** Warns about the middlewares of routers, which are not carried over. */

import { commonReasons } from '../common-reasons.ts';
import type { Fields } from '../config-builder.ts';
import { entryOf } from '../names.ts';
import { parseWhole } from '../values.ts';
import type { Part } from '../yaml/part.ts';
import { field, localName, type Named, namesIn } from './fields.ts';

/** Middlewares that restrict access. */
const guards: Readonly<Record<string, string>> = {
  basicauth: 'asked for a password',
  digestauth: 'asked for a password',
  forwardauth: 'asked another server who may come in',
  ipallowlist: 'let in some addresses only',
  ipwhitelist: 'let in some addresses only',
  jwt: 'let in holders of a token only',
  oidc: 'let in users who have logged in only',
  hmac: 'let in signed requests only',
  apikey: 'let in holders of a key only',
  ldap: 'asked for a password',
  opa: 'asked a policy who may come in',
};

/** Middlewares that change requests, on which servers may rely. */
const rewrites: Readonly<Record<string, string>> = {
  stripprefix: 'took the prefix off the path: servers get the whole path',
  stripprefixregex: 'took the prefix off the path: servers get the whole path',
  replacepath: 'put another path in: servers get the path of the client',
  replacepathregex: 'put another path in: servers get the path of the client',
  redirectregex: 'redirected some requests: servers get them',
  addprefix: 'put a prefix before the path: servers get the path of the client',
};

const reasons: Readonly<Record<string, string>> = {
  redirectscheme: commonReasons.redirectInFront,
  headers: 'headers of requests and responses are passed on as they come',
  contenttype: 'headers of requests and responses are passed on as they come',
  compress: commonReasons.noCompression,
  ratelimit: 'rates are not limited here',
  inflightreq: 'requests are limited for each server here (maxRequests), not for each client',
  circuitbreaker: 'a server that fails is left out by health.passive',
  errors: 'error pages are those of the servers',
  buffering: 'bodies are streamed both ways; the largest is set by limits.bodyBytes of the listener',
  passtlsclientcert: 'tls.clientCertificates.headers of a listener does this',
  grpcweb: 'gRPC is not translated here',
  encodedcharacters: 'paths are passed on as they come',
};

export interface GuardedRouter {
  /** Host and path, for the warnings. */
  readonly where: string;
  /** The fields of its pool. */
  readonly fields: Fields;
}

export class Middlewares {
  private readonly parts: ReadonlyMap<string, Part>;
  /** The middlewares of the file, by name. */
  constructor(parts: readonly (readonly [name: string, part: Part])[]) {
    this.parts = new Map(parts);
    for (const [, part] of parts) {
      for (const [kind, inner] of part.entries()) inner.leave(reasonOf(kind.toLowerCase()));
    }
  }

  /** Reports the middlewares of a router that is carried over. */
  apply(names: readonly Named[], router: GuardedRouter, seen: readonly string[] = []): void {
    for (const { name, part: noteOn } of names) {
      const local = localName(name);
      const part = this.parts.get(local);
      if (seen.includes(local)) continue;
      if (part === undefined) {
        const why = `${router.where}: the middleware "${name}" is not in this file. Whom it kept out, it keeps out no more`;
        noteOn.warn('open', why);
        continue;
      }
      noteOn.leaveItem('middlewares are told one by one');
      for (const [kind, inner] of part.entries()) {
        if (kind.toLowerCase() === 'chain') {
          inner.leave('its middlewares are told one by one');
          const chained = namesIn(field(inner, 'middlewares')).map((one) => ({ name: nameOf(one), part: noteOn }));
          this.apply(chained, router, [...seen, local]);
        } else this.applyOne(kind, inner, local, noteOn, router);
      }
    }
  }

  private applyOne(kind: string, inner: Part, name: string, noteOn: Part, { where, fields }: GuardedRouter): void {
    const lower = kind.toLowerCase();
    const subject = `${where}: ${kind} "${name}"`;
    if (lower === 'plugin') {
      const plugins = inner.entries().map(([plugin]) => plugin);
      noteOn.warn('open', `${subject} ran the plugin ${plugins.join(', ')}. Whom it kept out, it keeps out no more`);
    } else if (Object.hasOwn(guards, lower)) noteOn.warn('open', `${subject} ${guards[lower]}`);
    else if (Object.hasOwn(rewrites, lower)) noteOn.warn('not-working', `${subject} ${rewrites[lower]}`);
    else if (lower === 'retry') {
      const attempts = parseWhole(field(inner, 'attempts')?.text() ?? null, 1, 1000);
      if (attempts === null) return;
      fields.retry = { attempts: Math.min(attempts, 10) };
      noteOn.carry();
      inner.carry();
      field(inner, 'attempts')?.carry();
      if (attempts > 10) field(inner, 'attempts')?.change('at most 10');
      field(inner, 'initialInterval')?.leave('another server is tried at once');
    } else noteOn.leaveItem(reasonOf(lower));
  }
}

function nameOf({ name, part }: Named): string {
  return field(part, 'name')?.text() ?? name;
}

function reasonOf(kind: string): string {
  if (Object.hasOwn(guards, kind) || kind === 'plugin') return commonReasons.noAccessControl;
  if (Object.hasOwn(rewrites, kind)) return 'requests are passed on as they came';
  return entryOf(reasons, kind) ?? `"${kind}" is not known to this importer`;
}
