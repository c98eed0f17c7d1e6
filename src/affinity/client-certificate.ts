/** Affinity by the certificate that the client has shown in the TLS handshake: the same certificate leads to the same server. */
import type { FieldKinds } from '../config/field-kinds.ts';
import type { RequestHead } from '../http/head.ts';
import type { Affinity, ClientFacts, Recognition } from './affinity.ts';
import type { AffinityDescriptor, SessionTimes } from './descriptor.ts';
import { checkTimes, fillTimes, type NamedDependencies, Naming, usualIdleMs } from './named.ts';

export interface ClientCertificateOptions extends SessionTimes {
  readonly type: 'client-certificate';
  /** What names the session. A renewed certificate has another fingerprint, and usually the same subject. */
  readonly by: 'fingerprint' | 'subject';
}

export const clientCertificate = {
  type: 'client-certificate',
  meaning: 'A keyed hash of the certificate that the client has shown.',
  wordRank: 4,
  hasIds: true,
  schema({ field, map, storedTimes, word }: FieldKinds) {
    return map({
      by: field(
        word(['fingerprint', 'subject']),
        'fingerprint',
        '`fingerprint`: the certificate itself. `subject`: its name, which stays when the certificate is renewed, and which others may share.',
      ),
      ...storedTimes(usualIdleMs),
    }).transform(
      ({ by, idle, absolute }): ClientCertificateOptions => ({
        type: 'client-certificate',
        by,
        ...fillTimes(idle, absolute),
      }),
    );
  },
  check(options, report) {
    checkTimes(options, report);
    if (report.config.listeners.every(({ tls }) => (tls?.clientCertificates ?? null) === null)) {
      report.warning('entry', 'recognises nobody: no listener has tls.clientCertificates');
    }
  },
  timesOf: (options) => options,
  tableNameOf: ({ by }) => by,
  whyRecognised: ({ by }) => `the client has shown a certificate, whose ${by} is its key`,
  whyNotRecognised: () => 'the client has shown no certificate',
  create: (options, dependencies) => new ClientCertificateAffinity(options, dependencies),
} satisfies AffinityDescriptor<ClientCertificateOptions>;

type Certificate = NonNullable<ClientFacts['clientCertificate']>;

export class ClientCertificateAffinity implements Affinity {
  readonly name = 'client-certificate';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly by: ClientCertificateOptions['by'];
  /** Made once for each connection, which has one object for its certificate. */
  private readonly bytes = new WeakMap<Certificate, Buffer>();

  constructor({ by }: ClientCertificateOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.by = by;
  }

  recognise(_request: RequestHead, client: ClientFacts, now: number, recognition: Recognition): boolean {
    const { clientCertificate = null } = client;
    const { naming } = this;
    if (clientCertificate === null) return false;
    const name = this.nameOf(clientCertificate);
    naming.begin();
    naming.offer(name, 0, name.length, now, recognition);
    return naming.recognise(this, now, recognition);
  }

  private nameOf(certificate: Certificate): Buffer {
    const known = this.bytes.get(certificate);
    if (known !== undefined) return known;
    const name = Buffer.from(certificate[this.by]);
    this.bytes.set(certificate, name);
    return name;
  }
}
