/** The address of a listener that cannot keep its own, because TLS ends there: a proxy in front ends TLS and forwards to it. */

/** An address of this machine whose port is none of the used ones. */
export function freeLoopbackAddress(used: readonly string[]): string {
  for (let port = 8080; ; port++) if (!used.some((address) => address.endsWith(`:${port}`))) return `127.0.0.1:${port}`;
}
