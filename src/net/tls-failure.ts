/**
 * Why a TLS handshake with a server has failed, by the code of its error: the certificate is refused, the protocols of ALPN do not meet, or
 * anything else of TLS. The codes are those of OpenSSL, of node:tls and of Bun.
 */
import { codeOf } from '../errors.ts';

export type TlsFailure = 'certificate' | 'protocol' | 'handshake';

/** X509_V_ERR_* of OpenSSL as node:tls names them, and its check of the name. */
const ofCertificates = new Set([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_TLS_CERT_ALTNAME_FORMAT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_NOT_YET_VALID',
  'CERT_HAS_EXPIRED',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'EE_KEY_TOO_SMALL',
  'CA_KEY_TOO_SMALL',
  'CA_MD_TOO_WEAK',
]);

/** null: it is no failure of TLS. */
export function tlsFailureOf(error: Error): TlsFailure | null {
  const code = codeOf(error);
  if (ofCertificates.has(code)) return 'certificate';
  if (code.includes('NO_APPLICATION_PROTOCOL')) return 'protocol';
  const isOfTls = code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO';
  return isOfTls ? 'handshake' : null;
}
