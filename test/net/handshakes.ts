/** TLS handshakes: which certificate is shown, what is agreed on, who is refused, and with which code. */
import { descriptors } from './connecting.ts';
import { type Case, listenAt, loopback, ok, Peer, same, until } from './peer.ts';
import { authority, clientRules, pairs, serverRules, stranger } from './rules.ts';
import { Stage } from './tls-stage.ts';

const identities = [
  { names: ['local.test'], pairs: [pairs.local, pairs.localRsa] },
  { names: ['shop.test', '*.shop.test'], pairs: [pairs.shop] },
];

/** The common name of the certificate that a client is shown. */
async function shown(stage: Stage, servername: string, sigalgs?: string): Promise<unknown> {
  const { length } = stage.accepted;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const options = { servername, rejectUnauthorized: false, ...(sigalgs !== undefined && { sigalgs }) };
  const stream = stage.stream(options);
  stream.once('secureConnect', () => resolve(stream.getPeerCertificate().subject.CN));
  stream.once('close', () => resolve('none'));
  const name = await promise;
  if (name !== 'none')
    await until('the handshake', () => stage.accepted.length > length && stage.last.session !== null);
  stream.destroy();
  return name;
}

/** What the server's side says of a failed handshake. */
async function refusal(stage: Stage): Promise<string> {
  await until('the server has closed', () => stage.accepted.length > 0 && stage.last.isClosed);
  same(stage.last.session, null, 'session of a failed handshake');
  same(stage.last.bytes, 0, 'bytes of a failed handshake');
  return stage.last.code;
}

export const handshakes: Record<string, Case> = {
  async 'a certificate for each server name: exact, wildcard, default'(net) {
    await using stage = await Stage.open(net, { ...serverRules, identities });
    for (const [name, expected] of [
      ['shop.test', 'shop'],
      ['a.shop.test', 'shop'],
      ['A.Shop.Test', 'shop'],
      ['b.a.shop.test', 'local'],
      ['local.test', 'local'],
      ['other.test', 'local'],
      ['', 'local'],
    ] as const) {
      same(await shown(stage, name), expected, `certificate for "${name}"`);
      same((await stage.secured()).session?.serverName, name.toLowerCase(), 'name that the server was told');
    }
  },

  async 'ECDSA and RSA side by side: what the client supports'(net) {
    await using stage = await Stage.open(net, { ...serverRules, identities });
    same(await shown(stage, 'local.test', 'ecdsa_secp256r1_sha256'), 'local', 'for ECDSA');
    same(await shown(stage, 'local.test', 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256'), 'local-rsa', 'for RSA');
  },

  async 'ALPN: the preference of the server, none when the client offers none'(net) {
    await using stage = await Stage.open(net, serverRules);
    for (const [protocols, expected] of [
      [['http/1.1', 'h2'], 'h2'],
      [['http/1.1'], 'http/1.1'],
      [[], ''],
    ] as const) {
      const client = await stage.connect({ protocols });
      const server = await stage.secured();
      same([client.socket.tls?.protocol, server.session?.protocol], [expected, expected], `for ${protocols}`);
      client.destroy();
    }
  },

  async 'ALPN: no common protocol ends the handshake, with an alert'(net) {
    await using stage = await Stage.open(net, { ...serverRules, protocols: ['h2'] });
    const code = await stage.failureOf({ protocols: ['http/1.1'] });
    ok(/NO_APPLICATION_PROTOCOL/.test(code), `the client's code: ${code}`);
    ok(/NO_APPLICATION_PROTOCOL/.test(await refusal(stage)), `the server's code: ${stage.last.code}`);
  },

  async 'versions: 1.2 is the floor, or 1.3'(net) {
    await using stage = await Stage.open(net, serverRules);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const stream = stage.stream({ minVersion: version, maxVersion: version });
      await until('the handshake', () => stage.accepted.length > 0 && stage.last.session?.version === version);
      stream.destroy();
    }
    stage.listener.setTls({ ...serverRules, minVersion: 'TLSv1.3' });
    const { length } = stage.accepted;
    stage.stream({ maxVersion: 'TLSv1.2' });
    await until('a connection', () => stage.accepted.length > length);
    ok(/UNSUPPORTED_PROTOCOL/.test(await refusal(stage)), `code: ${stage.last.code}`);
  },

  async 'ciphers of TLS 1.2'(net) {
    await using stage = await Stage.open(net, { ...serverRules, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' });
    const stream = stage.stream({ maxVersion: 'TLSv1.2' });
    same((await stage.secured(1)).session?.cipher, 'ECDHE-ECDSA-AES256-GCM-SHA384', 'cipher');
    stream.destroy();
    stage.stream({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
    await until('another connection', () => stage.accepted.length > 1);
    ok(/NO_SHARED_CIPHER/.test(await refusal(stage)), `code: ${stage.last.code}`);
  },

  async 'a client certificate, when one is required'(net) {
    const clients = { ca: authority.cert, require: true };
    await using stage = await Stage.open(net, { ...serverRules, clients });
    const client = await stage.connect({ pair: pairs.alice });
    const certificate = (await stage.secured()).session?.clientCertificate;
    same(certificate?.subject, 'CN=alice,O=Example\\, Inc.,C=DE', 'subject');
    same(
      certificate?.altNames,
      ['DNS:alice.test', 'URI:spiffe://test/alice', 'email:alice@test', 'IP:192.0.2.1'],
      'names',
    );
    ok(/^[0-9a-f]{64}$/.test(certificate?.fingerprint ?? ''), 'fingerprint');
    ok(/^[0-9a-f]{8,}$/.test(certificate?.serialNumber ?? ''), 'serial number');
    ok((certificate?.notAfter ?? 0) > Date.now(), 'notAfter');
    client.destroy();
  },

  async 'client certificates that are refused, each with its reason'(net) {
    for (const require of [true, false]) {
      await using stage = await Stage.open(net, { ...serverRules, clients: { ca: authority.cert, require } });
      for (const [name, pair, expected] of [
        ['of another authority', pairs.mallory, /UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|SELF_SIGNED/],
        ['expired', pairs.late, /CERT_HAS_EXPIRED/],
        ['missing', null, /CERTIFICATE/],
      ] as const) {
        const { length } = stage.accepted;
        // In TLS 1.3 the client has finished before the server has seen its certificate.
        const client = await stage.connect({ pair }).catch(() => null);
        await until('a connection', () => stage.accepted.length > length);
        if (pair === null && !require) {
          same((await stage.secured()).session?.clientCertificate, null, 'certificate');
          client?.destroy();
          continue;
        }
        ok(expected.test(await refusal(stage)), `${name}: ${stage.last.code}`);
        if (client !== null) await until('the client knows', () => client.events.length > 0);
        client?.destroy();
      }
    }
  },

  async 'setTls: new handshakes have the new certificate, open connections go on'(net) {
    await using stage = await Stage.open(net, { ...serverRules, identities });
    const open: Peer[] = [];
    for (let i = 0; i < 10; i++) {
      open.push(await stage.connect());
      await until('its other end', () => stage.accepted.length === i + 1 && stage.last.session !== null);
      const renewed = [{ names: ['local.test'], pairs: [i % 2 === 0 ? pairs.renewed : pairs.local] }];
      stage.listener.setTls({ ...serverRules, identities: renewed });
      const { length } = stage.accepted;
      for (const name of ['local.test', ''])
        same(await shown(stage, name), i % 2 === 0 ? 'renewed' : 'local', `certificate for "${name}"`);
      for (const one of stage.accepted.splice(length)) if (!one.isClosed) one.destroy();
    }
    for (const [i, client] of open.entries()) {
      client.write(`still ${i}`);
      await until('the bytes', () => stage.accepted[i]?.text === `still ${i}`);
      client.destroy();
    }
  },

  async 'setTls: rules that the runtime refuses change nothing'(net) {
    await using stage = await Stage.open(net, serverRules);
    const { cert } = pairs.local;
    const wrong = { cert, key: pairs.shop.key, staple: null };
    for (const rules of [
      { ...serverRules, identities: [{ names: ['local.test'], pairs: [wrong] }] },
      { ...serverRules, identities: [...serverRules.identities, { names: ['x.test'], pairs: [wrong] }] },
      { ...serverRules, ciphers: 'NO-SUCH-CIPHER' },
      { ...serverRules, identities: [] },
    ]) {
      let refused = false;
      try {
        stage.listener.setTls(rules);
      } catch {
        refused = true;
      }
      ok(refused, `taken: ${JSON.stringify(rules).slice(0, 80)}`);
    }
    same(await shown(stage, 'local.test'), 'local', 'certificate');
  },

  async 'setTls: client certificates and protocols change too'(net) {
    await using stage = await Stage.open(net, serverRules);
    stage.listener.setTls({ ...serverRules, protocols: ['http/1.1'], clients: { ca: authority.cert, require: true } });
    const client = await stage.connect({ pair: pairs.alice, protocols: ['h2', 'http/1.1'] });
    const { session } = await stage.secured();
    same([session?.protocol, session?.clientCertificate?.subject.slice(0, 8)], ['http/1.1', 'CN=alice'], 'session');
    client.destroy();
  },

  async 'outgoing: a wrong certificate is a failure with a name'(net) {
    for (const [pair, rules, expected] of [
      [pairs.expired, {}, /^CERT_HAS_EXPIRED$/],
      [pairs.foreign, {}, /^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT_LOCALLY|GET_ISSUER_CERT)$/],
      [pairs.local, { sni: 'other.test' }, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
      [pairs.shop, { sni: '' }, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
      [pairs.local, { ca: null }, /^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT_LOCALLY|GET_ISSUER_CERT)$/],
      [pairs.local, { sni: '' }, /^$/],
      [pairs.expired, { verify: false }, /^$/],
      [pairs.foreign, { ca: stranger.cert }, /^$/],
      [pairs.shop, { sni: 'a.shop.test' }, /^$/],
    ] as const) {
      await using stage = await Stage.open(net, { ...serverRules, identities: [{ names: [], pairs: [pair] }] });
      const code = await stage.failureOf(rules);
      ok(expected.test(code), `${JSON.stringify(rules).slice(0, 60)}: found "${code}", expected ${expected}`);
    }
  },

  async 'outgoing: a server that speaks no TLS, and one that closes during the handshake'(net) {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
      const listener = await net.listen({
        address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        reusePort: false,
        tls: null,
        backlog: 16,
        accept: (socket) => {
          if (answer !== '') socket.write(Buffer.from(answer));
          socket.close();
          return { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };
        },
        onError() {},
      });
      const { promise, resolve } = Promise.withResolvers<string>();
      const onFail = (error: Error): void => resolve('code' in error ? String(error.code) : '');
      const address = { kind: 'tcp', host: '127.0.0.1', port: listener.port } as const;
      const onOpen = () => ({ onData() {}, onDrain() {}, onEnd() {}, onClose: () => resolve('opened') });
      net.connect(address, { onOpen, onFail }, clientRules);
      ok(/^(ERR_SSL_|ECONNRESET|EPROTO)/.test(await promise), `code: ${await promise}`);
      listener.close();
    }
  },

  async 'outgoing: cancel during the handshake frees the connection, and tells nobody'(net) {
    const peers: Peer[] = [];
    // It accepts, and says nothing.
    const listener = await listenAt(net, loopback, peers);
    let told = 0;
    const count = (): Peer => {
      told++;
      return new Peer();
    };
    const before = descriptors();
    const connecting = net.connect({ ...loopback, port: listener.port }, { onOpen: count, onFail: count }, clientRules);
    await until('its first bytes have come', () => (peers[0]?.bytes ?? 0) > 0);
    connecting.cancel();
    same(descriptors() - before, 1, 'descriptors right after cancel');
    await until('the server knows', () => peers[0]!.events.length > 1);
    same(told, 0, 'callbacks');
    peers[0]!.destroy();
    listener.close();
    await until('it is closed', () => peers[0]!.isClosed);
  },

  async 'listeners with the same ticket keys resume the sessions of each other, on Node'(net) {
    const rules = { ...serverRules, ticketKeys: new Uint8Array(48).fill(7) };
    for (const [keys, expected] of [
      [rules.ticketKeys, net.runtime === 'node'],
      [new Uint8Array(48).fill(8), false],
    ] as const) {
      await using first = await Stage.open(net, rules);
      await using second = await Stage.open(net, { ...rules, ticketKeys: keys });
      const { promise, resolve } = Promise.withResolvers<Buffer>();
      const client = first.stream();
      client.on('session', resolve);
      client.on('data', () => {});
      // Bun sends its tickets with the first bytes.
      (await first.secured(1)).write('hello');
      const next = second.stream({ session: await promise });
      same((await second.secured(1)).session?.resumed, expected, 'resumed by the other listener');
      client.destroy();
      next.destroy();
    }
  },

  async 'tickets that were given without client certificates do not count once these are required'(net) {
    const ticketKeys = new Uint8Array(48).fill(7);
    await using stage = await Stage.open(net, { ...serverRules, ticketKeys });
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    const client = stage.stream();
    client.on('session', resolve);
    client.on('data', () => {});
    (await stage.secured(1)).write('hello');
    const session = await promise;
    client.destroy();
    stage.listener.setTls({ ...serverRules, ticketKeys, clients: { ca: authority.cert, require: true } });
    stage.stream({ session });
    await until('another connection', () => stage.accepted.length > 1);
    ok(/CERTIFICATE/.test(await refusal(stage)), `code: ${stage.last.code}`);
  },

  async 'an OCSP response is stapled, on Node'(net) {
    if (net.runtime === 'bun') return;
    const staple = new Uint8Array([1, 2, 3]);
    const [first, second] = [pairs.local, { ...pairs.shop, staple }];
    await using stage = await Stage.open(net, {
      ...serverRules,
      identities: [
        { names: ['local.test'], pairs: [first] },
        { names: ['shop.test'], pairs: [second] },
      ],
    });
    for (const [servername, expected] of [
      ['shop.test', '010203'],
      ['local.test', 'none'],
    ] as const) {
      let found = 'none';
      const client = stage.stream({ servername, requestOCSP: true });
      client.on('OCSPResponse', (response: Buffer | null) => {
        found = response === null ? 'none' : response.toString('hex');
      });
      const { promise, resolve } = Promise.withResolvers<void>();
      client.once('secureConnect', resolve);
      await promise;
      same(found, expected, `staple for ${servername}`);
      client.destroy();
    }
  },

  async 'sessions are resumed by the same rules, and by no others'(net) {
    await using stage = await Stage.open(net, serverRules);
    const exchange = async (rules = clientRules): Promise<boolean | undefined> => {
      const client = await stage.connectBy(rules);
      const { length } = stage.accepted;
      client.write('question');
      await until('the question', () => stage.accepted.length === length && stage.last.text === 'question');
      stage.last.write('answer');
      await until('the answer', () => client.text === 'answer');
      const { resumed } = stage.last.session ?? {};
      same(client.socket.tls?.resumed, resumed, 'both sides say the same');
      client.destroy();
      await until('both are closed', () => client.isClosed && stage.last.isClosed);
      return resumed;
    };
    same(await exchange(), false, 'the first');
    same([await exchange(), await exchange()], [true, true], 'the next');
    same(await exchange({ ...clientRules }), false, 'by other rules');
    stage.listener.setTls({ ...serverRules });
    await exchange();
    same(await exchange(), true, 'after new rules, and another handshake in full');
  },
};
