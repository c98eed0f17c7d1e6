/** Schemas of TLS: of a listener (certificates, client certificates, HSTS) and of a pool. */
import { z } from 'zod';
import { isHostName } from './address.ts';
import { defaults } from './defaults.ts';
import { field, flag, map, open, text } from './fields.ts';
import { headerName } from './header-name.ts';
import type { AdminTlsOptions, HstsOptions, ListenerTlsOptions, PoolTlsOptions } from './options.ts';
import { parseDuration } from './units.ts';

const { tls } = defaults;

const file = text('file', 'the path of a file', (path) => (path !== '' && !path.includes('\0') ? path : null));

const versionForm = '"1.2" or "1.3"';

/** YAML reads 1.2 without quotes as a number. */
const version = z
  .union([z.enum(['1.2', '1.3']), z.literal(1.2), z.literal(1.3)], { error: versionForm })
  .transform((written) => (String(written) === '1.3' ? 'TLSv1.3' : 'TLSv1.2'));

const ciphersForm = 'OpenSSL names with colons between them, as openssl ciphers prints them';

const ciphers = text('ciphers', ciphersForm, (list) => (/^(?:[A-Z0-9-]+(?::[A-Z0-9-]+)*)?$/.test(list) ? list : null));

const certificateForm = 'a map with cert and key, the paths of two PEM files';

const certificate = map(
  {
    cert: file.meta({
      description:
        'PEM file: the certificate, then those of the authorities that signed it. The host names are read from it. Several certificates may have the same names when their keys are of different kinds (RSA and ECDSA): clients get the one that they understand. A relative path begins at the current folder, as for `stateDir`.',
    }),
    key: file.meta({ description: 'PEM file: its private key, without a passphrase.' }),
    ocsp: open(
      file,
      'none',
      'File of an OCSP response (DER) for the certificate, which is sent with it. It has to be kept fresh by a program such as `openssl ocsp`. On Node only.',
    ),
  },
  certificateForm,
).transform(({ ocsp, ...rest }) => ({ ...rest, ocsp: ocsp ?? null }));

const certificatesForm = 'a list of certificates, such as [{ cert: ./a.crt, key: ./a.key }], or auto';

const certificatesSchema = z.union(
  [
    z.literal('auto', { error: certificatesForm }),
    z.array(certificate, { error: certificatesForm }).min(1, { error: 'at least one certificate' }),
  ],
  { error: certificatesForm },
);

const clientHeaders = map({
  subject: field(headerName, '', 'Gets its subject as RFC 4514 writes it: `CN=alice,O=Example`.'),
  fingerprint: field(headerName, '', 'Gets its SHA-256 fingerprint: 64 hexadecimal digits in lower case.'),
  altNames: field(
    headerName,
    '',
    'Gets its alternative names: `DNS:a.example, URI:spiffe://example/a, email:a@example.org`.',
  ),
});

const clientCertificatesSchema = map(
  {
    ca: file.meta({ description: 'PEM file: certificates of the authorities that sign those of clients.' }),
    require: field(
      flag(),
      tls.clientCertificates.require,
      'A client without a certificate is refused in the handshake. `false`: it is served, without these headers. A certificate that does not verify is always refused.',
    ),
    headers: field(
      clientHeaders,
      {},
      'Request headers in which servers get what is in a verified certificate. Headers of these names that a client sends are removed. Empty: not sent.',
    ),
  },
  'a map with ca, the path of a PEM file',
);

const listenerTlsForm = 'auto, or a map with certificates, such as { certificates: [{ cert: ./a.crt, key: ./a.key }] }';

export const listenerTlsSchema = z
  .union(
    [
      z.literal('auto'),
      map(
        {
          certificates: certificatesSchema.meta({
            description:
              'The first one is also for clients that name no host, or one that no certificate has. `auto`, for development: a certificate for `localhost` and the addresses of the listeners, made by a local certificate authority that is kept in `tls/` of `stateDir`. It is renewed in time. The authority can sign only for `localhost`, `.local`, `.internal`, `.test`, `.home.arpa`, `.lan` and private addresses.',
          }),
          minVersion: field(version, '1.2', 'Oldest version of TLS: `"1.2"` or `"1.3"`.'),
          ciphers: field(
            ciphers,
            tls.ciphers,
            `Ciphers of TLS 1.2: ${ciphersForm}. Empty: Mozilla's "intermediate" list. Those of TLS 1.3 are always allowed.`,
          ),
          clientCertificates: open(
            clientCertificatesSchema,
            'none are asked for',
            'Clients show a certificate (mutual TLS).',
          ),
        },
        listenerTlsForm,
      ),
    ],
    { error: listenerTlsForm },
  )
  .transform((written): ListenerTlsOptions => {
    if (written === 'auto') return { ...tls, certificates: 'auto', clientCertificates: null };
    return { ...written, clientCertificates: written.clientCertificates ?? null };
  });

const maxAgeForm = 'a time such as 1y, 26w, 365d or 12h, at most 100y';
const days: Readonly<Record<string, number>> = { d: 1, w: 7, y: 365 };
const dayMs = 86_400_000;

const maxAge = text('time', maxAgeForm, (written) => {
  const [, count, unit = ''] = /^([0-9]{1,5})([dwy])$/.exec(written) ?? [];
  const found = count === undefined ? parseDuration(written) : Number(count) * (days[unit] ?? Number.NaN) * dayMs;
  return found <= 100 * 365 * dayMs ? found : null;
});

const hstsForm = `${maxAgeForm}, or a map with maxAge`;

export const hstsSchema = z
  .union(
    [
      maxAge,
      map(
        {
          maxAge: maxAge.meta({
            description: `How long browsers keep to HTTPS: ${maxAgeForm}. \`0s\`: they forget it.`,
          }),
          includeSubdomains: field(flag(), tls.hsts.includeSubdomains, 'For all subdomains too.'),
          preload: field(
            flag(),
            tls.hsts.preload,
            'Agrees to the lists that are built into browsers (hstspreload.org), from which a name is removed slowly.',
          ),
        },
        hstsForm,
      ),
    ],
    { error: hstsForm },
  )
  .transform((written): HstsOptions => (typeof written === 'number' ? { ...tls.hsts, maxAge: written } : written));

const sni = text('host', 'a host name without port, such as api.internal', (name) =>
  isHostName(name) ? name.toLowerCase() : null,
);

const poolTlsForm = 'true, false, or a map of fields';

export const poolTlsSchema = z
  .union(
    [
      flag(),
      map(
        {
          sni: open(
            sni,
            "the host name in the server's address",
            'Host name that is asked for, and that the certificate of the server must have. For an address without a name the certificate must have that IP address.',
          ),
          ca: open(
            file,
            'the authorities of the runtime',
            'PEM file: certificates of the authorities that sign those of the servers.',
          ),
          cert: open(file, 'none', 'PEM file: the certificate that is shown to servers that ask for one. With `key`.'),
          key: open(file, 'none', 'PEM file: the private key of `cert`, without a passphrase.'),
          verify: field(
            flag(),
            tls.verify,
            'The certificate of the server is verified. `false`: any certificate is accepted, and with it anybody who can get between.',
          ),
          minVersion: field(version, '1.2', 'Oldest version of TLS: `"1.2"` or `"1.3"`.'),
        },
        poolTlsForm,
      ),
    ],
    { error: poolTlsForm },
  )
  .transform((written): PoolTlsOptions | null => {
    if (written === false) return null;
    const { sni, ca, cert, key, ...rest } = written === true ? { ...tls.pool } : written;
    return { ...rest, sni: sni ?? '', ca: ca ?? null, cert: cert ?? null, key: key ?? null };
  });

export const adminTlsSchema = map(
  {
    cert: file.meta({
      description: 'PEM file: the certificate, then those of the authorities that signed it.',
    }),
    key: file.meta({ description: 'PEM file: its private key, without a passphrase.' }),
    ca: open(
      file,
      'the authorities of the runtime, and the certificates in `cert`',
      'PEM file: certificates of the authorities that commands such as `limpet drain` trust when they read this config.',
    ),
  },
  certificateForm,
).transform(({ ca, ...rest }): AdminTlsOptions => ({ ...rest, ca: ca ?? null }));
