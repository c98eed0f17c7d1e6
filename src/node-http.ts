/**
 * The module node:http, without what an `import` of it costs: for its WebSocket Node reads all of undici then, which is a tenth of
 * the processor time of a start.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http');
