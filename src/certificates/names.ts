/** The names of a certificate: what its subjectAltName says, as node:crypto writes it. */

/** `DNS:a.example`, `URI:spiffe://a/b`: one entry each. What could be taken for another entry is in quotes, and stays one. */
export function altNameEntries(written: string | undefined): string[] {
  const found = (written ?? '').match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return found.map((entry) => entry.trim()).filter((entry) => entry !== '');
}

/** The host names, in lower case, and IP addresses; those that no client can ask for are left out. */
export function hostNamesOf(written: string | undefined): string[] {
  const names = altNameEntries(written).flatMap((entry) => {
    const colon = entry.indexOf(':');
    const [kind, value] = [entry.slice(0, colon), entry.slice(colon + 1)];
    if (kind === 'IP Address') return [value.toLowerCase()];
    return kind === 'DNS' && hostPattern.test(value) ? [value.toLowerCase()] : [];
  });
  return [...new Set(names)];
}

/** RFC 6125 section 6.4.3: a wildcard is the whole left-most label. */
const hostPattern =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
