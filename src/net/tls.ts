/** What TLS is given and what it agrees on, for both runtimes: certificates and rules as plain data, which may pass from thread to thread. */

/** The protocols of ALPN that Limpet speaks. */
export type AlpnProtocol = 'h2' | 'http/1.1';

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** A certificate chain and its key, both PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
  /** A DER OCSP response for the certificate; null: none. Node only: Bun cannot send it. */
  readonly staple: Uint8Array | null;
}

/** What is shown to clients that ask for one of these names. */
export interface ServerIdentity {
  /** Lower case, exact or `*.example.org`, which stands for one label. */
  readonly names: readonly string[];
  /** One, or one for each kind of key (ECDSA and RSA): what the client supports is used. */
  readonly pairs: readonly CertificatePair[];
}

/** Rules for the certificates of clients. */
export interface ClientCertificateRules {
  /** Certificates of the authorities, PEM. */
  readonly ca: string;
  /** A client without a certificate is refused. One whose certificate does not verify is refused in any case. */
  readonly require: boolean;
}

export interface ServerTls {
  /** At least one. The first is also for clients that give no name, or one that no identity has. */
  readonly identities: readonly ServerIdentity[];
  /** In order of preference. A client that offers ALPN and none of these is refused; one that offers no ALPN is not. */
  readonly protocols: readonly AlpnProtocol[];
  readonly minVersion: TlsVersion;
  /** OpenSSL names of TLS 1.2 ciphers, `:` between them; '': `defaultCiphers`. */
  readonly ciphers: string;
  /** null: clients are not asked for a certificate. */
  readonly clients: ClientCertificateRules | null;
  /** 48 bytes for session tickets, shared by all workers; null: each worker has its own. Node only: Bun cannot share them. */
  readonly ticketKeys: Uint8Array | null;
}

export interface ClientTls {
  /** The name that is sent (SNI), and that the server's certificate must have; '': the host name of the address, or its IP address. */
  readonly sni: string;
  /** Certificates of the authorities, PEM; null: those of the runtime. */
  readonly ca: string | null;
  /** Shown when the server asks for a certificate. */
  readonly pair: CertificatePair | null;
  /** False: any certificate will do. */
  readonly verify: boolean;
  /** Offered by ALPN, in order of preference; empty: no ALPN. */
  readonly protocols: readonly AlpnProtocol[];
  readonly minVersion: TlsVersion;
}

/** What a handshake has agreed on. Connections that have agreed on the same may share one. */
export interface TlsSession {
  /** '': none, because one side offers no ALPN. */
  readonly protocol: AlpnProtocol | '';
  /** Lower case; '': the client gave none. On an outgoing connection the one that was sent. */
  readonly serverName: string;
  readonly version: string;
  readonly cipher: string;
  /** By a ticket or session id of an earlier connection. */
  readonly resumed: boolean;
  /** Verified against `clients.ca`; null: the client has shown none. Always null on an outgoing connection. */
  readonly clientCertificate: ClientCertificate | null;
}

export interface ClientCertificate {
  /** RFC 4514, such as `CN=alice,O=Example`. */
  readonly subject: string;
  /** SHA-256, hex, lower case. */
  readonly fingerprint: string;
  /** Such as `DNS:a.example`, `URI:spiffe://...`, `email:...`. */
  readonly altNames: readonly string[];
  /** Hex, lower case. */
  readonly serialNumber: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** TLS 1.2 ciphers with forward secrecy and AEAD: the "intermediate" list of Mozilla, without finite-field Diffie-Hellman. */
export const defaultCiphers =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:' +
  'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';

/** Whether this list of ALPN has the protocol. */
export function offers(wire: Uint8Array, protocol: AlpnProtocol): boolean {
  for (let at = 0; at < wire.length; at += 1 + wire[at]!) {
    const end = at + 1 + wire[at]!;
    if (wire[at] === protocol.length && Buffer.from(wire.subarray(at + 1, end)).toString('latin1') === protocol)
      return true;
  }
  return false;
}

/** Options of node:tls for a secure context, the same on both runtimes. */
export interface ContextOptions {
  readonly cert: string[];
  readonly key: string[];
  readonly minVersion: TlsVersion;
  readonly ciphers: string;
  readonly ca?: string;
}

export function contextOptions(rules: ServerTls, pairs: readonly CertificatePair[]): ContextOptions {
  const { ciphers, clients, minVersion } = rules;
  return {
    cert: pairs.map(({ cert }) => cert),
    key: pairs.map(({ key }) => key),
    minVersion,
    ciphers: ciphers === '' ? defaultCiphers : ciphers,
    ...(clients !== null && { ca: clients.ca }),
  };
}

/** `setTls` of a listener that was opened without TLS. */
export function plainListener(): never {
  throw new Error('a listener without TLS cannot be given certificates: close it and open it anew');
}

/** Code of the failure of a handshake whose client has sent an HTTP request without TLS. */
export const plainHttp = 'ERR_SSL_HTTP_REQUEST';

/**
 * The error of a handshake, with a code that says what is wrong: `ERR_SSL_NO_APPLICATION_PROTOCOL` where the runtime has EPROTO, and
 * that name in the message only (`error:1000...:SSL routines:OPENSSL_internal:NO_APPLICATION_PROTOCOL`).
 */
export function handshakeError(error: Error): NodeJS.ErrnoException {
  const [, reason] = /^error:[0-9a-f]+:[^:]*:[^:]*:([^:]+)/i.exec(error.message) ?? [];
  if (reason === undefined) return error;
  const words = reason.trim().replaceAll('_', ' ').toLowerCase();
  const code = `ERR_SSL_${reason.trim().replaceAll(' ', '_').toUpperCase()}`;
  return Object.assign(new Error(`TLS handshake: ${words}`, { cause: error }), { code });
}

/** A handshake that ended because one side closed the connection. */
export function handshakeCut(): NodeJS.ErrnoException {
  return Object.assign(new Error('the connection closed during the TLS handshake'), { code: 'ECONNRESET' });
}

/** The client has shown no certificate, or one that does not verify. */
export function clientCertificateError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the certificate of the client is refused: ${code}`), { code });
}
