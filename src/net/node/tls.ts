/** TLS of Node by node:tls: the certificates of a listener by server name, which can change while it listens. */
import { constants, createHash, X509Certificate } from 'node:crypto';
import { Socket as StreamSocket } from 'node:net';
import tls from 'node:tls';
import { readClientCertificate } from '../client-certificate.ts';
import { ServerNames } from '../server-names.ts';
import {
  type CertificatePair,
  type ClientCertificate,
  clientCertificateError,
  contextOptions,
  handshakeError,
  type ServerTls,
  type TlsSession,
} from '../tls.ts';
import { tlsSession } from '../tls-session.ts';
import type { NodeSocket } from './socket.ts';

/** Longer than any deadline of a connection's owner, who is the one to end a handshake. */
const handshakeTimeoutMs = 3_600_000;

/** The rules of one listener. */
export class NodeServerTls {
  private server: tls.Server;
  private readonly sockets = new WeakMap<StreamSocket, NodeSocket>();

  /** Throws when a certificate, a key or a cipher is refused. */
  constructor(rules: ServerTls) {
    this.server = this.serverFor(rules);
  }

  /** Throws, and keeps the former rules, when a certificate, a key or a cipher is refused. */
  set(rules: ServerTls): void {
    this.server = this.serverFor(rules);
  }

  /** The handshake of an accepted connection begins. */
  begin(transport: StreamSocket, socket: NodeSocket): void {
    this.sockets.set(transport, socket);
    socket.underTls = true;
    // A client that leaves during its handshake: node:tls takes this over from the transport.
    transport.allowHalfOpen = false;
    this.server.emit('connection', transport);
  }

  /** It listens nowhere, and is given connections. New rules are another one. */
  private serverFor(rules: ServerTls): tls.Server {
    const names = new ServerNames<readonly PairContext[]>();
    const common = {
      sessionIdContext: sessionIdContextOf(rules),
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
    };
    const [first] = rules.identities;
    if (first === undefined) throw new Error('TLS: there is no certificate');
    for (const identity of rules.identities) {
      const { names: of, pairs } = identity;
      // The server's own context, in which OpenSSL chooses between certificates. It does so after the staple was asked for.
      if (identity === first && pairs.every(({ staple }) => staple === null)) {
        names.add(of, []);
        continue;
      }
      const make = (pair: CertificatePair): PairContext => {
        const context = tls.createSecureContext({ ...contextOptions(rules, [pair]), ...common });
        return { isEcdsa: new X509Certificate(pair.cert).publicKey.asymmetricKeyType === 'ec', context };
      };
      names.add(of, pairs.map(make));
    }
    const server = new tls.Server({
      ...contextOptions(rules, first.pairs),
      ...common,
      ...(rules.ticketKeys !== null && { ticketKeys: Buffer.from(rules.ticketKeys) }),
      ...(rules.protocols.length > 0 && { ALPNProtocols: [...rules.protocols] }),
      requestCert: rules.clients !== null,
      // `sessionOf` refuses them, and knows why.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      SNICallback(this: tls.TLSSocket, name, done) {
        const contexts = names.find(name);
        done(null, contexts === undefined ? undefined : contextFor(this, contexts));
      },
    });
    server.on('secureConnection', (stream) => this.secured(stream, rules));
    server.on('tlsClientError', (error, stream) => this.socketOf(stream)?.onHandshakeFail(handshakeError(error)));
    addStaples(server, rules);
    return server;
  }

  private secured(stream: tls.TLSSocket, rules: ServerTls): void {
    const socket = this.socketOf(stream);
    const session = sessionOf(stream, rules);
    if (socket === undefined || session instanceof Error) {
      if (session instanceof Error) socket?.onHandshakeFail(session);
      stream.destroy();
    } else {
      stream.allowHalfOpen = true;
      socket.onSecure(stream, session);
    }
  }

  private socketOf(stream: tls.TLSSocket): NodeSocket | undefined {
    const transport: unknown = '_parent' in stream ? stream._parent : null;
    return transport instanceof StreamSocket ? this.sockets.get(transport) : undefined;
  }
}

interface PairContext {
  readonly isEcdsa: boolean;
  readonly context: tls.SecureContext;
}

/**
 * Of a context that it is given here, Node uses one certificate only. The client has said which kinds it verifies; which of them its
 * ciphers of TLS 1.2 allow, Node does not tell. undefined: the server's own context.
 */
function contextFor(stream: tls.TLSSocket, contexts: readonly PairContext[]): tls.SecureContext | undefined {
  if (contexts.length <= 1) return contexts[0]?.context;
  const takesEcdsa = stream.getSharedSigalgs().some((name) => name.startsWith('ECDSA'));
  return (contexts.find(({ isEcdsa }) => isEcdsa === takesEcdsa) ?? contexts[0])?.context;
}

/**
 * A ticket holds that the client's certificate was verified. One that was given under other authorities must not count, although all
 * have the same ticket keys.
 */
function sessionIdContextOf({ clients }: ServerTls): string {
  const text = clients === null ? 'none' : `${clients.require} ${clients.ca}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * OCSP responses, by certificate. For a client that gives no name, Node asks before OpenSSL has chosen between certificates of several
 * kinds, and the response may be that of another one, which clients ignore.
 */
function addStaples(server: tls.Server, { identities }: ServerTls): void {
  const staples = new Map<string, Buffer>();
  for (const { cert, staple } of identities.flatMap(({ pairs }) => pairs))
    if (staple !== null) staples.set(new X509Certificate(cert).raw.toString('latin1'), Buffer.from(staple));
  if (staples.size === 0) return;
  server.on('OCSPRequest', (certificate, _issuer, done) => {
    done(null, staples.get(certificate.toString('latin1')) ?? Buffer.alloc(0));
  });
}

function sessionOf(stream: tls.TLSSocket, { clients }: ServerTls): TlsSession | Error {
  let certificate: ClientCertificate | null = null;
  if (clients !== null) {
    const shown = stream.getPeerX509Certificate();
    if (shown === undefined && clients.require) return clientCertificateError('CERTIFICATE_REQUIRED');
    if (shown !== undefined && !stream.authorized)
      return clientCertificateError(String(stream.authorizationError ?? 'CERT_UNTRUSTED'));
    certificate = shown === undefined ? null : readClientCertificate(shown);
  }
  const name = 'servername' in stream && typeof stream.servername === 'string' ? stream.servername : '';
  return streamSession(stream, name.toLowerCase(), certificate);
}

/** What the handshake of a stream has agreed on. */
export function streamSession(
  stream: tls.TLSSocket,
  serverName: string,
  certificate: ClientCertificate | null,
): TlsSession {
  const version = stream.getProtocol() ?? '';
  return tlsSession(
    stream.alpnProtocol,
    serverName,
    version,
    stream.getCipher().name,
    stream.isSessionReused(),
    certificate,
  );
}
