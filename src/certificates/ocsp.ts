/**
 * Reads an OCSP response (RFC 6960), to be stapled: is it for this certificate, and until when? Its signature is left to the clients.
 *
 *      OCSPResponse { status, [0] { type, OCTET STRING of BasicOCSPResponse } }
 *      BasicOCSPResponse { { responder, produced, { { CertID { hash, issuerName, issuerKey, serial }, status, this, [0] next } ... } } ... }
 */
import { hash, type X509Certificate } from 'node:crypto';
import { childrenOf, type DerValue, expectValue, readTime, readValue, Tag } from './der.ts';

export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Milliseconds since 1970. */
  readonly from: number;
  /** Infinity: the response does not say. */
  readonly until: number;
}

/** Context tags. */
const explicit0 = 0xa0;
const statuses: Readonly<Record<number, OcspAnswer['status']>> = { 128: 'good', 161: 'revoked', 130: 'unknown' };

/** Algorithms of a CertID, by the content of their object identifiers in hex. */
const hashes: Readonly<Record<string, string>> = { '2b0e03021a': 'sha1', '608648016503040201': 'sha256' };

/** null: the response is not about this certificate. Throws DerError for what is no successful OCSP response. */
export function readOcsp(bytes: Buffer, certificate: X509Certificate): OcspAnswer | null {
  const [status, wrapped] = childrenOf(bytes, expectValue(readValue(bytes, 0, bytes.length), Tag.sequence));
  const { start, end } = expectValue(status, Tag.enumerated);
  if (end - start !== 1 || bytes[start] !== 0) throw new Error('it says that the responder had an error');
  const [inner] = childrenOf(bytes, expectValue(wrapped, explicit0));
  const [, octets] = childrenOf(bytes, expectValue(inner, Tag.sequence));
  const basic = expectValue(octets, Tag.octetString);
  const [data] = childrenOf(bytes, expectValue(readValue(bytes, basic.start, basic.end), Tag.sequence));
  // The version and the responder are not SEQUENCEs.
  const responses = childrenOf(bytes, expectValue(data, Tag.sequence)).find(({ tag }) => tag === Tag.sequence);
  const issuer = issuerOf(certificate.raw);
  for (const single of childrenOf(bytes, expectValue(responses, Tag.sequence))) {
    const [id, said, from, next] = childrenOf(bytes, expectValue(single, Tag.sequence));
    if (!isFor(bytes, expectValue(id, Tag.sequence), issuer, certificate.serialNumber)) continue;
    return {
      status: statuses[said?.tag ?? 0] ?? 'unknown',
      from: readTime(bytes, from),
      until: next?.tag === explicit0 ? readTime(bytes, childrenOf(bytes, next)[0]) : Number.POSITIVE_INFINITY,
    };
  }
  return null;
}

function isFor(bytes: Buffer, id: DerValue, issuer: Buffer, serial: string): boolean {
  const [algorithm, issuerName, , number] = childrenOf(bytes, id);
  const [oid] = childrenOf(bytes, expectValue(algorithm, Tag.sequence));
  const name = hashes[oid === undefined ? '' : bytes.toString('hex', oid.start, oid.end)];
  const { start, end } = expectValue(issuerName, Tag.octetString);
  const { start: from, end: to } = expectValue(number, Tag.integer);
  const isNumber = bytes.toString('hex', from, to).replace(/^0+/, '') === serial.toLowerCase().replace(/^0+/, '');
  return isNumber && name !== undefined && bytes.subarray(start, end).equals(hash(name, issuer, 'buffer'));
}

/** The issuer's name as the certificate has it: tbs { [0] version, serial, algorithm, issuer ... }. */
function issuerOf(raw: Buffer): Buffer {
  const [tbs] = childrenOf(raw, expectValue(readValue(raw, 0, raw.length), Tag.sequence));
  const fields = childrenOf(raw, expectValue(tbs, Tag.sequence));
  const issuer = expectValue(fields[fields[0]?.tag === explicit0 ? 3 : 2], Tag.sequence);
  return raw.subarray(issuer.from, issuer.end);
}
