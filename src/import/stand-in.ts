/** Where a listener goes that cannot be where it was, because TLS was spoken there. */

/** For the proxy in front that speaks it: an address of this machine that no server and no other listener has. */
export function standInFor(used: readonly string[]): string {
  for (let port = 8080; ; port++) if (!used.some((address) => address.endsWith(`:${port}`))) return `127.0.0.1:${port}`;
}
