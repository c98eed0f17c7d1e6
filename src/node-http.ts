/**
 * The module node:http, without what an `import` of it costs: for its WebSocket Node reads all of undici then, which is a tenth of
 * the processor time of a start.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http');

/** The module node:https. It is loaded where it is needed: with it comes all of TLS. */
export function loadHttps(): typeof import('node:https') {
  return process.getBuiltinModule('node:https');
}
