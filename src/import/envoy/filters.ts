/** HTTP filters of Envoy: which of them restrict access or answer requests, and why all of them are left out. */

import { commonReasons } from '../common-reasons.ts';
import type { Part } from '../yaml/part.ts';
import { at, configOf, extension, textAt } from './fields.ts';

const guards: readonly (readonly [RegExp, string])[] = [
  [/\brbac\b|filters\.http\.rbac/, 'let in by its rules only'],
  [/ext_?authz/, 'asked another server who may come in'],
  [/jwt_?auth/, 'let in holders of a token only'],
  [/basic_?auth/, 'asked for a password'],
  [/api_?key_?auth/, 'let in holders of a key only'],
  [/oauth2/, 'let in users who have logged in only'],
  [/ext_?proc/, 'had another server decide about requests'],
  [/wasm|\blua\b|filters\.http\.lua|golang|dynamic_?modules/, 'ran a program that may have kept requests out'],
  [/credential|geoip|csrf/, 'judged requests'],
];

const reasons: readonly (readonly [RegExp, string])[] = [
  [/router/, 'routes need no filter here'],
  [/compress|gzip/, commonReasons.noCompression],
  [/rate_?limit/, 'rates are not limited here'],
  [/cors/, 'headers are passed on as they come'],
  [/grpc/, 'gRPC is not translated here'],
  [/buffer/, 'bodies are streamed both ways; the largest is set by limits.bodyBytes of the listener'],
  [/fault/, 'no faults are made here'],
];

/** A filter that restricts access. The warning about it is added when a route is carried over. */
export interface Guard {
  readonly part: Part;
  readonly what: string;
}

export function readFilters(filters: readonly Part[]): {
  readonly guards: readonly Guard[];
  readonly session: Part | null;
} {
  const found: Guard[] = [];
  let session: Part | null = null;
  for (const filter of filters) {
    const kind = extension(filter);
    if (textAt(filter, 'disabled') === 'true') {
      filter.leave('it is disabled');
      continue;
    }
    if (/stateful_?session/.test(kind)) {
      session = filter;
      filter.leave(commonReasons.noCounterpart);
      continue;
    }
    const guard = guards.find(([pattern]) => pattern.test(kind));
    const reason = reasons.find(([pattern]) => pattern.test(kind))?.[1];
    filter.leave(
      guard !== undefined ? commonReasons.noAccessControl : (reason ?? 'this filter is not known to this importer'),
    );
    const noteOn = at(filter, 'name') ?? filter;
    if (guard !== undefined) found.push({ part: noteOn, what: `${textAt(filter, 'name') ?? 'a filter'} ${guard[1]}` });
    else if (/router/.test(kind)) {
      filter.carry();
      noteOn.carry();
      configOf(filter)?.carry();
      configOf(filter)?.carryAt('@type');
    } else if (/health_?check/.test(kind)) noteOn.warn('not-working', 'no path answers by itself');
    else if (reason === undefined) noteOn.warn('open', 'if this filter kept anybody out, it does so no more');
  }
  return { guards: found, session };
}
