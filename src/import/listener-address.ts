/** Where a listener goes whose address cannot be kept, because TLS ends there: a proxy in front ends it and passes requests on. */

/** An address of this machine that is none of these. */
export function freeLoopbackAddress(used: readonly string[]): string {
  for (let port = 8080; ; port++) if (!used.some((address) => address.endsWith(`:${port}`))) return `127.0.0.1:${port}`;
}
