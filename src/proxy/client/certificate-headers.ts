/**
 * The header lines that tell servers what is in a client's certificate. It was verified, but whoever asked the authority for it chose what
 * is in it, so nothing of it may end a line, or pass for another name or the next element of the list.
 *
 *      X-Client-Subject: CN=J\C3\BCrgen,O=Example          bytes of UTF-8 that are not printable ASCII, as RFC 4514 escapes them
 *      X-Client-San: DNS:a.example, URI:spiffe://a/b\2Cc   the same, and `,` and `\`, in each name
 */
import type { ClientCertificate } from '../../net/tls.ts';

/** Names of headers; '': this one is not written. */
export interface CertificateHeaderNames {
  readonly subject: string;
  readonly fingerprint: string;
  readonly altNames: string;
}

/** Bytes of one value. A part of a subject or of a list would say something else than the whole, so a longer one is left out. */
export const longestValue = 4096;

export class CertificateHeaders {
  private readonly names: CertificateHeaderNames;
  private readonly onDropped: () => void;

  /** `onDropped` is called for each value that is too long. */
  constructor(names: CertificateHeaderNames, onDropped: () => void) {
    this.names = names;
    this.onDropped = onDropped;
  }

  /** Each with its CR LF; '' where the client has shown no certificate, or nothing of it is asked for. */
  linesOf(certificate: ClientCertificate | null): string {
    if (certificate === null) return '';
    const { subject, fingerprint, altNames } = this.names;
    return (
      this.line(subject, () => escaped(certificate.subject, notPrintable)) +
      this.line(fingerprint, () => escaped(certificate.fingerprint, notPrintable)) +
      this.line(altNames, () => certificate.altNames.map((name) => escaped(name, notPlain)).join(', '))
    );
  }

  private line(name: string, make: () => string): string {
    const value = name === '' ? '' : make();
    if (value === '') return '';
    if (value.length <= longestValue) return `${name}: ${value}\r\n`;
    this.onDropped();
    return '';
  }
}

/** Blanks at the ends would be taken for those around a value. */
const notPrintable = /[^\x20-\x7e]|^ | $/gu;
const notPlain = /[^\x21-\x7e]|[\\,]/gu;

function escaped(text: string, what: RegExp): string {
  return text.replace(what, (char) => Buffer.from(char).toString('hex').toUpperCase().replace(/../g, '\\$&'));
}
