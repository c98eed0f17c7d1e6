/** Clients of HTTPS for load while certificates change: each asks one request after the other, and tells which certificate it was shown. */
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { TLSSocket } from 'node:tls';

export interface LoadTarget {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly servername: string;
  readonly ca: string;
}

export interface LoadReply {
  readonly status: number;
  readonly text: string;
  /** Common name of the certificate of this connection. */
  readonly shown: string;
}

export interface LoadClient {
  readonly name: string;
  /** POST, with a body. Rejects when the connection or the exchange breaks. */
  ask(path: string, body: string): Promise<LoadReply>;
  /** Connections so far. */
  opened(): number;
  close(): void;
}

/** HTTP/1.1 on one connection. */
export function keptH1(target: LoadTarget): LoadClient {
  return h1('HTTP/1.1, kept', target, new Agent({ keepAlive: true, maxSockets: 1 }));
}

/** HTTP/1.1, a connection and a whole handshake for each request. */
export function freshH1(target: LoadTarget): LoadClient {
  return h1('HTTP/1.1, new', target, new Agent({ keepAlive: false, maxCachedSessions: 0 }));
}

/** HTTP/1.1, a connection for each request, which resumes the session of an earlier one when it can. */
export function resumingH1(target: LoadTarget): LoadClient {
  return h1('HTTP/1.1, resumed', target, new Agent({ keepAlive: false }));
}

/** HTTP/2 on one connection. */
export function keptH2(target: LoadTarget): LoadClient {
  const open = h2(target);
  return {
    name: 'HTTP/2, kept',
    ask: (path, body) => open.ask(path, body),
    opened: () => (open.isOpen() ? 1 : 2),
    close: () => open.close(),
  };
}

/** HTTP/2, a connection for each request. */
export function freshH2(target: LoadTarget): LoadClient {
  let opened = 0;
  return {
    name: 'HTTP/2, new',
    async ask(path, body) {
      opened++;
      const open = h2(target);
      try {
        return await open.ask(path, body);
      } finally {
        open.close();
      }
    },
    opened: () => opened,
    close: () => {},
  };
}

function h1(name: string, { port, servername, ca }: LoadTarget, agent: Agent): LoadClient {
  let opened = 0;
  const ask = (path: string, body: string): Promise<LoadReply> =>
    new Promise((done, fail) => {
      const method = body === '' ? 'GET' : 'POST';
      const headers = body === '' ? {} : { 'content-length': body.length };
      const asked = request({ host: '127.0.0.1', port, servername, ca, agent, method, path, headers }, (response) => {
        const { socket } = response;
        const shown = socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject?.CN) : '';
        let text = '';
        response.setEncoding('latin1').on('data', (piece: string) => {
          text += piece;
        });
        response.on('end', () => done({ status: response.statusCode ?? 0, text, shown }));
        response.on('error', fail);
      });
      asked.on('socket', () => {
        if (!asked.reusedSocket) opened++;
      });
      asked.on('error', fail);
      asked.end(body);
    });
  return { name, ask, opened: () => opened, close: () => agent.destroy() };
}

function h2({ port, servername, ca }: LoadTarget) {
  const session = connect(`https://127.0.0.1:${port}`, { servername, ca });
  let failed: unknown = null;
  session.on('error', (error) => {
    failed = error;
  });
  let shown = '';
  session.once('connect', (_, socket) => {
    if (socket instanceof TLSSocket) shown = String(socket.getPeerCertificate().subject?.CN);
  });
  const ask = (path: string, body: string): Promise<LoadReply> =>
    new Promise((done, fail) => {
      const stream = session.request({
        ':path': path,
        ':method': body === '' ? 'GET' : 'POST',
        ':authority': servername,
      });
      let status = 0;
      let text = '';
      stream.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
      });
      stream.on('response', (fields) => {
        status = Number(fields[':status']);
      });
      stream.on('error', fail);
      stream.on('close', () =>
        stream.rstCode === 0 && status !== 0
          ? done({ status, text, shown })
          : fail(new Error(`the stream was closed with code ${stream.rstCode}: ${failed}`)),
      );
      if (body !== '') stream.end(body);
    });
  return { ask, isOpen: () => !session.closed && !session.destroyed, close: () => session.close() };
}
