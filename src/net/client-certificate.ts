/** Reads a client's certificate into the plain form that the rest of Limpet sees. Both runtimes have it as an X509Certificate of node:crypto. */
import type { X509Certificate } from 'node:crypto';
import type { ClientCertificate } from './tls.ts';

export function readClientCertificate(certificate: X509Certificate): ClientCertificate {
  return {
    subject: subjectOf(certificate.subject),
    fingerprint: fingerprintOf(certificate),
    altNames: altNamesOf(certificate.subjectAltName ?? ''),
    serialNumber: certificate.serialNumber.toLowerCase(),
    notAfter: Date.parse(certificate.validTo),
  };
}

/** SHA-256, hex, lower case. */
export function fingerprintOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}

/** From a line for each name, the most general one first and special characters already escaped, to the order of RFC 4514. */
export function subjectOf(lines: string | undefined): string {
  if (lines === undefined || lines === '') return '';
  return lines
    .split('\n')
    .reverse()
    .map((line) => line.replaceAll(' + ', '+'))
    .join(',');
}

/** From `DNS:a, URI:"b, c"`: a name with special characters stands in quotes, as a string of JSON. */
export function altNamesOf(text: string): readonly string[] {
  const names: string[] = [];
  for (const [, kind = '', value = ''] of text.matchAll(/([^:,"]+):((?:"(?:[^"\\]|\\.)*"|[^,"])*)(?:, |$)/g)) {
    names.push(`${kind === 'IP Address' ? 'IP' : kind}:${value.startsWith('"') ? unquote(value) : value}`);
  }
  return names;
}

function unquote(value: string): string {
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}
