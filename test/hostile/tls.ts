/**
 * Hostile clients of TLS, and what each must come to. None of them may have a server get a request, but those that are served; and after
 * each of them the listener still serves.
 */
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { clientPreface, FrameType } from '../../src/http/h2/frame.ts';
import { frame } from '../support/h2-frames.ts';
import { until } from '../support/until.ts';
import {
  ask,
  clientHello,
  extension,
  outcomeOf,
  record,
  request,
  sayRaw,
  serverNames,
  speak,
  type TlsStage,
} from './tls-stage.ts';

export interface TlsCase {
  readonly name: string;
  readonly source: string;
  /** What it comes to; several where the two TLS libraries may differ. */
  readonly wanted: string | readonly string[];
  /** Whole requests that the server gets. */
  readonly requests: number;
  run(stage: TlsStage): Promise<string>;
}

const refusals = ['nothing'] as const;
/** To bytes that are no handshake: an alert or not, the connection ends. */
const ended = ['alert', 'closed'] as const;

function refused(name: string, source: string, run: TlsCase['run']): TlsCase {
  return { name, source, wanted: refusals, requests: 0, run };
}

function served(name: string, source: string, run: TlsCase['run'], wanted = '200'): TlsCase {
  return { name, source, wanted, requests: 1, run };
}

function raw(name: string, source: string, wanted: string | readonly string[], ...pieces: readonly Buffer[]): TlsCase {
  return { name, source, wanted, requests: 0, run: ({ ports }) => sayRaw(ports.open, pieces) };
}

/** The listener takes the hello, or refuses it. */
function hello(name: string, source: string, ...extensions: readonly Buffer[]): TlsCase {
  const wanted = ['hello', ...ended];
  return {
    name,
    source,
    wanted,
    requests: 0,
    run: ({ ports }) => sayRaw(ports.open, [clientHello(extensions)], false),
  };
}

const old = (version: 'TLSv1' | 'TLSv1.1'): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: 'DEFAULT:@SECLEVEL=0',
});

const versionCases: TlsCase[] = [
  refused('TLS 1.0', 'RFC 8996', ({ ports }) => ask(ports.open, old('TLSv1'))),
  refused('TLS 1.1', 'RFC 8996', ({ ports }) => ask(ports.open, old('TLSv1.1'))),
  raw('SSL 3.0', 'RFC 7568', ended, clientHello([], 0x0300)),
  raw(
    'SSL 2.0',
    'RFC 6176',
    ended,
    Buffer.from('802e0100020015000000100100800200800300800400800500800600400700c0', 'hex'),
    Buffer.alloc(16, 1),
  ),
  refused('suites of TLS 1.2 without forward secrecy', 'RFC 9325 4.1', ({ ports }) =>
    ask(ports.open, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0' }),
  ),
  refused('suites without encryption', 'RFC 9325 4.1', ({ ports }) =>
    ask(ports.open, { maxVersion: 'TLSv1.2', ciphers: 'eNULL:@SECLEVEL=0' }).catch(() => 'nothing'),
  ),
  served('TLS 1.2', 'RFC 9325', ({ ports }) => ask(ports.open, { maxVersion: 'TLSv1.2' })),
  served('TLS 1.3', 'RFC 8446', ({ ports }) => ask(ports.open, { minVersion: 'TLSv1.3' })),
];

const alpnCases: TlsCase[] = [
  refused('no common protocol', 'RFC 7301 3.2', ({ ports }) =>
    ask(ports.open, { ALPNProtocols: ['spdy/3', 'http/1.0'] }),
  ),
  served('no ALPN is HTTP/1.1', 'RFC 9113 3.3', ({ ports }) => ask(ports.open)),
  {
    name: 'h2 is agreed on, and HTTP/1.1 spoken',
    source: 'RFC 9113 3.4',
    wanted: 'GOAWAY',
    requests: 0,
    run: async ({ ports }) => {
      const { said } = await speak(ports.open, { ALPNProtocols: ['h2'] }, request('/'));
      return said.includes('preface of HTTP/2') ? 'GOAWAY' : outcomeOf({ said });
    },
  },
  {
    name: 'http/1.1 is agreed on, and HTTP/2 spoken',
    source: 'RFC 9113 3.3',
    wanted: '505 bad-version',
    requests: 0,
    run: async ({ ports }) => {
      const start = Buffer.concat([clientPreface, frame(FrameType.settings, 0, 0)]);
      return outcomeOf(await speak(ports.open, { ALPNProtocols: ['http/1.1'] }, start));
    },
  },
];

/** Name of the certificate that is shown. */
async function certificateFor({ ports }: TlsStage, servername: string): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port: ports.open, servername, rejectUnauthorized: false });
  socket.on('error', () => {});
  let name = 'nothing';
  socket.once('secureConnect', () => {
    name = socket.getPeerCertificate().subjectaltname ?? 'no name';
    socket.destroy();
  });
  await until('the handshake is over', () => socket.closed);
  return name;
}

function shows(name: string, servername: string, wanted: string): TlsCase {
  return { name, source: 'RFC 6066 3', wanted, requests: 0, run: (stage) => certificateFor(stage, servername) };
}

const nameCases: TlsCase[] = [
  shows('a name that has a certificate', 'b.test', 'DNS:b.test'),
  shows('a name in upper case', 'B.TEST', 'DNS:b.test'),
  shows('a name that has none', 'evil.test', 'DNS:a.test'),
  shows('a name below one that has', 'x.b.test', 'DNS:a.test'),
  hello('an empty name', 'RFC 6066 3', serverNames([0, ''])),
  hello('a name of 300 bytes', 'RFC 1035 2.3.4', serverNames([0, 'x'.repeat(300)])),
  hello('a name of 16 KB', 'RFC 6066 3', serverNames([0, 'x'.repeat(15_000)])),
  hello('a name with NUL', 'RFC 6066 3', serverNames([0, 'b.test\0.evil'])),
  hello('a name with CR LF', 'RFC 6066 3', serverNames([0, 'b.test\r\nx: evil'])),
  hello('a name that ends in a dot', 'RFC 6066 3', serverNames([0, 'b.test.'])),
  hello('an address for a name', 'RFC 6066 3', serverNames([0, '127.0.0.1'])),
  hello('a name above 0x7f', 'RFC 6066 3', serverNames([0, '\xff\xfe.test'])),
  hello('a name that is a prototype', 'CVE-2019-10744 and its kind', serverNames([0, '__proto__'])),
  hello('two names of a type', 'RFC 6066 3', serverNames([0, 'a.test'], [0, 'b.test'])),
  hello('a name of another type', 'RFC 6066 3', serverNames([9, 'a.test'])),
  hello('the extension twice', 'RFC 8446 4.2', serverNames([0, 'a.test']), serverNames([0, 'b.test'])),
  raw(
    'a list of names that is longer than its extension',
    'RFC 6066 3',
    ended,
    clientHello([extension(0, Buffer.from([0, 99, 0, 0, 1, 97]))]),
  ),
  served('SNI and Host differ', 'RFC 9110 7.4: one listener, one set of rules for clients', async ({ ports }) =>
    outcomeOf(await speak(ports.open, { servername: 'b.test' }, request('/'))),
  ),
];

const recordCases: TlsCase[] = [
  raw('a record of 65,535 bytes', 'RFC 8446 5.1', ended, Buffer.from([22, 3, 1, 0xff, 0xff]), Buffer.alloc(20_000)),
  raw(
    'records of nothing without end',
    'RFC 8446 5.1',
    ended,
    ...Array.from({ length: 40 }, () => record(22, Buffer.alloc(0))),
  ),
  raw(
    'warnings without end',
    'CVE-2016-8610',
    ended,
    Buffer.concat(Array.from({ length: 5000 }, () => record(21, Buffer.from([1, 90])))),
  ),
  raw('a fatal alert', 'RFC 8446 6.2', ended, record(21, Buffer.from([2, 40]))),
  raw('data before the handshake', 'RFC 8446 5', ended, record(23, Buffer.from('GET / HTTP/1.1\r\n\r\n'))),
  raw(
    'a handshake message of 16 MB',
    'RFC 8446 4',
    ended,
    record(22, Buffer.concat([Buffer.from([1, 0xff, 0xff, 0xff]), Buffer.alloc(16_000)])),
    ...Array.from({ length: 20 }, () => record(22, Buffer.alloc(16_000))),
  ),
  raw('another message than ClientHello', 'RFC 8446 4', ended, record(22, Buffer.from([2, 0, 0, 0]))),
  raw(
    'a ClientHello that breaks off within its extensions',
    'RFC 8446 4.1.2',
    ended,
    record(22, Buffer.from([1, 0, 0, 40, 3, 3, ...Buffer.alloc(38)])),
  ),
  raw('bytes that mean nothing', 'I9', ended, Buffer.alloc(2000, 0xee)),
  raw('nothing at all: timeouts.handshake', 'I9', ended),
  raw('half a ClientHello: timeouts.handshake', 'I9', ended, clientHello([]).subarray(0, 50)),
  {
    name: 'a ClientHello and then nothing: timeouts.handshake',
    source: 'I9',
    wanted: ['hello', 'alert'],
    requests: 0,
    run: ({ ports }) => sayRaw(ports.open, [clientHello([])]),
  },
  raw('HTTP/1.1 on a TLS listener', 'RFC 9110 4.2.2', 'HTTP/1.1 400 Bad Request', Buffer.from(request('/'))),
  {
    name: 'TLS on a plain listener',
    source: 'RFC 9112 2.2',
    wanted: 'HTTP/1.1 400 Bad Request',
    requests: 0,
    run: ({ ports }) => sayRaw(ports.plain, [clientHello([])]),
  },
  {
    name: 'renegotiation',
    source: 'CVE-2009-3555, CVE-2011-1473',
    wanted: ['the connection ends', 'an error'],
    requests: 0,
    run: async ({ ports }) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: ports.open,
        maxVersion: 'TLSv1.2',
        rejectUnauthorized: false,
      });
      let outcome = 'the connection ends';
      socket.on('error', () => {});
      socket.once('secureConnect', () => {
        socket.renegotiate({ rejectUnauthorized: false }, (error) => {
          outcome = error === null ? 'it is done' : 'an error';
          socket.destroy();
        });
      });
      await until('it is over', () => socket.closed, 15_000);
      return outcome;
    },
  },
];

/** A request that ends with the TCP connection, without close_notify and before it is whole. */
async function truncate({ ports }: TlsStage, text: string): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port: ports.open, rejectUnauthorized: false });
  socket.on('error', () => {});
  socket.once('secureConnect', () => socket.write(text, () => socket.destroy()));
  await until('it is over', () => socket.closed);
  return 'nothing';
}

const endCases: TlsCase[] = [
  refused('a body that is cut without close_notify', 'RFC 8446 6.1', (stage) =>
    truncate(stage, 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello'),
  ),
  refused('a chunked body that is cut without close_notify', 'RFC 8446 6.1', (stage) =>
    truncate(stage, 'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  ),
  refused('a head that is cut without close_notify', 'RFC 8446 6.1', (stage) =>
    truncate(stage, 'GET / HTTP/1.1\r\nHost: a.test\r\n'),
  ),
];

/** A session of a listener, from its first request. */
async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer | undefined> {
  let session: Buffer | undefined;
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false, ...options });
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.once('secureConnect', () => socket.write(request('/session')));
  await until('it is over', () => socket.closed, 15_000);
  return session;
}

const bare = { ALPNProtocols: ['http/1.1'] };

/** The request of the first connection is served too. */
function resumed(name: string, maxVersion: 'TLSv1.2' | 'TLSv1.3', run: TlsCase['run']): TlsCase {
  return {
    name: `${name}, ${maxVersion}`,
    source: 'RFC 8446 4.6.1; CVE-2025-23419',
    wanted: refusals,
    requests: 1,
    run,
  };
}

const certificateCases: TlsCase[] = [
  refused('no certificate where one is required', 'RFC 8446 4.4.2.4', ({ ports }) => ask(ports.required)),
  refused('one that has expired', 'RFC 5280 4.1.2.5', ({ ports, clients }) => ask(ports.required, clients.expired)),
  refused('one that is not valid yet', 'RFC 5280 4.1.2.5', ({ ports, clients }) => ask(ports.required, clients.early)),
  refused('one of another authority with the same name', 'RFC 5280 6', ({ ports, clients }) =>
    ask(ports.required, clients.foreign),
  ),
  refused('one that is for servers', 'RFC 5280 4.2.1.12', ({ ports, clients }) =>
    ask(ports.required, clients.asServer),
  ),
  served(
    'the right one',
    'RFC 8446 4.4.2',
    async (stage) => {
      const outcome = await ask(stage.ports.required, stage.clients.right);
      return `${outcome} ${stage.lastHeader('x-client-subject')}`;
    },
    '200 CN=alice',
  ),
  served(
    'the right one, and a header of another',
    'I8',
    async (stage) => {
      const text = request('/', 'X-Client-Subject: CN=evil', 'X_Client_Subject: CN=evil');
      const outcome = outcomeOf(await speak(stage.ports.required, stage.clients.right, text));
      return `${outcome} ${stage.lastHeader('x-client-subject')} ${stage.lastHeader('x_client_subject')}`;
    },
    '200 CN=alice undefined',
  ),
  served(
    'a subject with lines of a head',
    'RFC 4514; CVE-2021-44533',
    async (stage) => {
      const outcome = await ask(stage.ports.required, stage.clients.hostile);
      return `${outcome} ${stage.lastHeader('x-evil')}`;
    },
    '200 undefined',
  ),
  served(
    'none where one is asked for',
    'RFC 8446 4.4.2.4',
    async (stage) => {
      const text = request('/', 'X-Client-Subject: CN=evil');
      const outcome = outcomeOf(await speak(stage.ports.asked, {}, text));
      return `${outcome} ${stage.lastHeader('x-client-subject')}`;
    },
    '200 undefined',
  ),
  refused('one of another authority where one is asked for', 'RFC 8446 4.4.2.4', ({ ports, clients }) =>
    ask(ports.asked, clients.foreign),
  ),
  ...(['TLSv1.2', 'TLSv1.3'] as const).flatMap((maxVersion) => [
    resumed('a session without certificate, where one is required', maxVersion, async ({ ports }) => {
      const session = await sessionOf(ports.open, { ...bare, maxVersion });
      return ask(ports.required, { ...bare, maxVersion, session });
    }),
    resumed('a session without certificate, from where one is asked for', maxVersion, async ({ ports }) => {
      const session = await sessionOf(ports.asked, { ...bare, maxVersion });
      return ask(ports.required, { ...bare, maxVersion, session });
    }),
  ]),
];

export const tlsCases: readonly TlsCase[] = [
  ...versionCases,
  ...alpnCases,
  ...nameCases,
  ...recordCases,
  ...endCases,
  ...certificateCases,
];
