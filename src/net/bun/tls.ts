/**
 * TLS of Bun's own sockets: the certificates of a listener by server name, which can change while it listens, and what a handshake
 * has agreed on.
 */
import type { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { readClientCertificate } from '../client-certificate.ts';
import { ServerNames } from '../server-names.ts';
import {
  type ClientCertificate,
  clientCertificateError,
  contextOptions,
  handshakeCut,
  handshakeError,
  offers,
  type ServerTls,
  type TlsSession,
} from '../tls.ts';
import { tlsSession } from '../tls-session.ts';
import type { Raw } from './socket.ts';

type Context = tls.SecureContext['context'];

/** What Bun's sockets have with TLS, and its types do not. */
interface RawTls {
  readonly alpnProtocol: unknown;
  getServername(): string | undefined;
  getTLSVersion(): string;
  getCipher(): { readonly name: string };
  isSessionReused(): boolean;
  getPeerX509Certificate(): X509Certificate | undefined;
  setVerifyMode(request: boolean, require: boolean): void;
}

/** The rules of one listener, and its answers to the questions that Bun asks during a handshake. */
export class BunServerTls {
  private rules: ServerTls;
  private names: ServerNames<Context>;
  private readonly first: tls.SecureContext;
  /** `Bun.listen` has no method for a new context, but node:tls can give one to a native listener. */
  private readonly server: tls.Server & { _handle?: unknown };

  /** Throws when a certificate, a key or a cipher is refused. */
  constructor(rules: ServerTls) {
    this.rules = rules;
    const [first] = rules.identities;
    if (first === undefined) throw new Error('TLS: there is no certificate');
    const options = contextOptions(rules, first.pairs);
    this.first = tls.createSecureContext(options);
    this.names = namesOf(rules);
    this.server = new tls.Server(options);
  }

  /** The option `tls` of `Bun.listen`. Whatever may change while it listens is not in it: it is asked for at each handshake. */
  get options(): Bun.TLSOptions & { readonly secureContext: Context } {
    return { secureContext: this.first.context };
  }

  /** `native`: what `Bun.listen` has answered. */
  attach(native: unknown): void {
    this.server._handle = native;
  }

  /** Throws, and keeps the former rules, when a certificate, a key or a cipher is refused. */
  set(rules: ServerTls): void {
    const [first] = rules.identities;
    if (first === undefined) throw new Error('TLS: there is no certificate');
    const names = namesOf(rules);
    this.server.setSecureContext(contextOptions(rules, first.pairs));
    this.rules = rules;
    this.names = names;
  }

  // Bun's questions. The rules are those of the moment.

  open(raw: Raw): void {
    const { clients } = this.rules;
    if (clients !== null && isRawTls(raw)) raw.setVerifyMode(true, clients.require);
  }

  /** undefined: the default. */
  contextFor(serverName: string): Context | undefined {
    return this.names.find(serverName);
  }

  /** `wire`: what the client offers. undefined ends the handshake with the alert no_application_protocol, false goes on without. */
  protocolFor(wire: Uint8Array): string | false | undefined {
    const { protocols } = this.rules;
    if (protocols.length === 0) return false;
    return protocols.find((protocol) => offers(wire, protocol));
  }

  /** A handshake is over. Bun also says when a certificate of the client was not verified, or that there is none. */
  sessionOf(raw: Raw, isComplete: boolean, error: Error | null): TlsSession | Error {
    if (!isComplete || !isRawTls(raw)) return error === null ? handshakeCut() : handshakeError(error);
    let certificate: ClientCertificate | null = null;
    if (this.rules.clients !== null) {
      const shown = raw.getPeerX509Certificate();
      if (shown === undefined && this.rules.clients.require) return clientCertificateError('CERTIFICATE_REQUIRED');
      if (shown !== undefined && error !== null) return clientCertificateError(handshakeError(error).code ?? '');
      certificate = shown === undefined ? null : readClientCertificate(shown);
    }
    return session(raw, (raw.getServername() ?? '').toLowerCase(), certificate);
  }
}

/** Of an outgoing connection. */
export function clientSessionOf(raw: Raw, serverName: string): TlsSession {
  if (!isRawTls(raw)) throw new Error(`Bun ${process.versions.bun}: a socket of node:tls has no native one`);
  return session(raw, serverName, null);
}

function session(raw: Raw & RawTls, serverName: string, certificate: ClientCertificate | null): TlsSession {
  const { name } = raw.getCipher();
  return tlsSession(raw.alpnProtocol, serverName, raw.getTLSVersion(), name, raw.isSessionReused(), certificate);
}

function namesOf(rules: ServerTls): ServerNames<Context> {
  const names = new ServerNames<Context>();
  for (const identity of rules.identities)
    names.add(identity.names, tls.createSecureContext(contextOptions(rules, identity.pairs)).context);
  return names;
}

function isRawTls(raw: object): raw is RawTls {
  return 'getCipher' in raw && 'setVerifyMode' in raw;
}
