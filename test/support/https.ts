/** A client of HTTPS that tells what the server has shown: for the scenarios of certificates. */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

export interface Shown {
  /** SHA-256 of the certificate, hex, lower case. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly protocol: string;
  readonly socket: TLSSocket;
}

/** One handshake on 127.0.0.1. Rejects when it fails, also because the certificate does not verify by `options`. */
export function handshake(port: number, options: ConnectionOptions = {}): Promise<Shown> {
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['http/1.1'], ...options });
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      socket.off('error', fail).on('error', () => {});
      const { fingerprint256, subject } = socket.getPeerCertificate();
      const fingerprint = fingerprint256.replaceAll(':', '').toLowerCase();
      done({ fingerprint, subject: String(subject.CN), protocol: String(socket.alpnProtocol), socket });
    });
  });
}

/** The same for a server with this name, and the connection is closed. */
export async function shownFor(port: number, servername: string, options: ConnectionOptions = {}): Promise<Shown> {
  const shown = await handshake(port, { servername, rejectUnauthorized: false, ...options });
  shown.socket.destroy();
  return shown;
}

/** GET on an open connection, which stays open. Resolves with the body of a response that has a length. */
export function getOn(socket: TLSSocket, path = '/', host = 'a.example'): Promise<string> {
  return new Promise((done, fail) => {
    let text = '';
    const onEnd = () => fail(new Error(`the connection was closed after: ${text}`));
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (end < 0 || !(text.length >= end + 4 + length)) return;
      socket.off('data', onData).off('close', onEnd);
      done(text.slice(end + 4));
    };
    socket.on('data', onData).once('close', onEnd);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
}
