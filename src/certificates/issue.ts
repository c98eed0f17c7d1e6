/** Makes X.509 certificates, for `tls: auto`. Loaded only when one is made: its library is not needed otherwise. */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  NameConstraints,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

export interface CertificateRequest {
  /** Its common name. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  /** Common name and key of who signs; itself: a certificate of its own authority. */
  readonly issuer: { readonly subject: string; readonly privateKey: KeyObject };
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly use: CertificateUse;
}

export type CertificateUse =
  /** Host names, `*.example.org` and IP addresses. */
  | { readonly kind: 'server' | 'client'; readonly names: readonly string[] }
  /** Of certificates for these alone: a name stands for its subdomains too, an address has a prefix length. Empty: for all. */
  | { readonly kind: 'authority'; readonly permitted: readonly string[] };

/** RSA with SHA-256, and ECDSA with SHA-256. */
const algorithms: Readonly<Record<string, AlgorithmIdentifier>> = {
  rsa: new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null }),
  ec: new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
};

/** PEM. The key of the issuer is RSA or ECDSA. */
export function issueCertificate(request: CertificateRequest): string {
  const { subject, publicKey, issuer, notBeforeMs, notAfterMs, use } = request;
  const algorithm = algorithms[issuer.privateKey.asymmetricKeyType ?? ''];
  if (algorithm === undefined) throw new Error(`no signatures by a key of ${issuer.privateKey.asymmetricKeyType}`);
  const serialNumber = randomBytes(16);
  // Positive, and without leading zeros: DER has one form only.
  serialNumber[0] = 0x40 | (serialNumber[0]! & 0x3f);
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: new Uint8Array(serialNumber).buffer,
    signature: algorithm,
    issuer: nameOf(issuer.subject),
    subject: nameOf(subject),
    validity: new Validity({ notBefore: wholeSecond(notBeforeMs), notAfter: wholeSecond(notAfterMs) }),
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions([
      ...extensionsOf(use),
      extension(id_ce_subjectKeyIdentifier, false, new SubjectKeyIdentifier(keyId(publicKey))),
      extension(
        id_ce_authorityKeyIdentifier,
        false,
        new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyId(createPublicKey(issuer.privateKey))) }),
      ),
    ]),
  });
  const bytes = Buffer.from(AsnConvert.serialize(tbsCertificate));
  const signatureValue = new Uint8Array(sign('sha256', bytes, issuer.privateKey)).buffer;
  const signed = AsnConvert.serialize(
    new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue }),
  );
  const lines =
    Buffer.from(signed)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extensionsOf(use: CertificateUse): Extension[] {
  if (use.kind === 'authority') {
    const { permitted } = use;
    const subtrees = permitted.map((one) => new GeneralSubtree({ base: generalName(one) }));
    return [
      extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.keyCertSign)),
      ...(permitted.length === 0
        ? []
        : [
            extension(
              id_ce_nameConstraints,
              true,
              new NameConstraints({ permittedSubtrees: new GeneralSubtrees(subtrees) }),
            ),
          ]),
    ];
  }
  const usage = use.kind === 'server' ? id_kp_serverAuth : id_kp_clientAuth;
  const names = new SubjectAlternativeName(use.names.map(generalName));
  return [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([usage])),
    ...(use.names.length === 0 ? [] : [extension(id_ce_subjectAltName, false, names)]),
  ];
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** `10.0.0.0/8` is an address too. */
function generalName(name: string): GeneralName {
  return isIP(name.replace(/\/\d+$/, '')) === 0
    ? new GeneralName({ dNSName: name })
    : new GeneralName({ iPAddress: name });
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: '2.5.4.3', value })])]);
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyId(key: KeyObject): ArrayBuffer {
  return new Uint8Array(createHash('sha256').update(spkiOf(key)).digest().subarray(0, 20)).buffer;
}

/** DER has no fractions of seconds. */
function wholeSecond(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}
