/** Finds the certificate for the name that a client asks for: exact first, then a wildcard for one label, else the default. */

export class ServerNames<T> {
  private readonly exact = new Map<string, T>();
  /** By what follows the `*`, such as `.example.org`. */
  private readonly wildcards = new Map<string, T>();

  /** When two have the same name, the first holds. */
  add(names: readonly string[], value: T): void {
    for (const name of names) {
      const isWildcard = name.startsWith('*.');
      const map = isWildcard ? this.wildcards : this.exact;
      const key = isWildcard ? name.slice(1) : name;
      if (!map.has(key)) map.set(key, value);
    }
  }

  /** undefined: nobody has that name. */
  find(name: string): T | undefined {
    const key = name.toLowerCase();
    const found = this.exact.get(key);
    if (found !== undefined || this.wildcards.size === 0) return found;
    // A wildcard stands for one whole label (RFC 9525): not for none, and not for two.
    const dot = key.indexOf('.');
    return dot > 0 ? this.wildcards.get(key.slice(dot)) : undefined;
  }
}
