/** What `bind ... ssl` says, as fields of a listener; and the rules that redirect to https. */
import { hstsOf } from '../hsts.ts';
import { isTemplate } from '../template.ts';
import type { Directives } from './directives.ts';
import type { Line } from './lines.ts';

/** Folders of `global` in which files with relative names are. */
export interface Bases {
  readonly crt: string;
  readonly ca: string;
}

export function readBases(global: Directives): Bases {
  const of = (word: string): string => {
    const line = global.last(word);
    if (line !== undefined) global.report.carry(line);
    return line?.words[1] ?? '';
  };
  return { crt: of('crt-base'), ca: of('ca-base') };
}

export type BindTls =
  | {
      readonly fields: Readonly<Record<string, unknown>>;
      /** Words that say nothing of TLS, or nothing that is carried over. */
      readonly rest: readonly string[];
    }
  | { readonly why: string };

const withValue = new Set(['crt', 'alpn', 'ca-file', 'verify', 'ssl-min-ver', 'crl-file']);

/** `words`: those behind the address. */
export function readBindTls(words: readonly string[], line: Line, { crt, ca }: Bases, { report }: Directives): BindTls {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (withValue.has(word)) values.set(word, [...(values.get(word) ?? []), words[++at] ?? '']);
    else if (word !== 'ssl') rest.push(word);
  }
  if (rest.includes('crt-list')) return { why: 'the files of a crt-list are not known: name each in tls.certificates' };
  const files = (values.get('crt') ?? []).map((file) => placed(file, crt));
  if (files.length === 0) return { why: 'it names no certificate' };
  for (const [at, file] of files.entries()) {
    if (file === null)
      return { why: `the folder of ${values.get('crt')?.[at]} is not known: write its path in tls.certificates` };
    if (file.endsWith('/')) return { why: `the files in ${file} are not known: name each in tls.certificates` };
  }
  const one = (name: string): string => values.get(name)?.at(-1) ?? '';
  const protocols = one('alpn').split(',');
  const version = /^TLSv1\.3$/.test(one('ssl-min-ver')) ? { minVersion: '1.3' } : {};
  const authority = placed(one('ca-file'), ca);
  const how = one('verify');
  const asks = how === 'required' || how === 'optional';
  if (asks && authority === null)
    report.warn(line, 'open', 'no certificate of a client is asked for here: its authority (ca-file) is not known');
  if (asks && how === 'optional')
    report.change(line, 'a certificate of a client that does not verify is refused in the handshake');
  if (values.has('crl-file')) report.warn(line, 'open', 'certificates that were revoked are not refused here');
  return {
    fields: {
      ...(values.has('alpn') && !protocols.includes('h2') && { protocols: ['h1'] }),
      ...(values.has('alpn') && !protocols.includes('http/1.1') && { protocols: ['h2'] }),
      tls: {
        // HAProxy keeps the key in the file of the certificate.
        certificates: files.map((file) => ({ cert: file, key: file })),
        ...version,
        ...(asks && authority !== null && { clientCertificates: { ca: authority, require: how === 'required' } }),
      },
    },
    rest,
  };
}

/** null: it has no fixed place. */
export function placed(file: string, base: string): string | null {
  if (file === '' || isTemplate(file) || /[$%@]/.test(file)) return null;
  if (file.startsWith('/')) return file;
  return base.startsWith('/') ? `${base.replace(/\/+$/, '')}/${file}` : null;
}

/** Rules that redirect all that comes without TLS: `http-request redirect scheme https`, alone or with `!{ ssl_fc }`. */
export function redirectsToHttps({ lines }: Pick<Directives, 'lines'>): Line[] {
  const rule =
    /^(?:http-request )?redirect scheme https(?: code 30[1278])?(?: (?:if ! ?\{ ssl_fc \}|unless \{ ssl_fc \}))?$/;
  return lines.filter(({ words }) => rule.test(words.join(' ')));
}

/** `http-response set-header Strict-Transport-Security VALUE` without a condition, and the field that it becomes. */
export function readHsts({ lines, report }: Directives): unknown {
  for (const line of lines) {
    const [first, second = '', name = '', value = '', ...condition] = line.words;
    if (first !== 'http-response' || !/^(?:set|add)-header$/.test(second)) continue;
    if (condition.length > 0 && !/^(?:if \{ ssl_fc \}|unless ! ?\{ ssl_fc \})$/.test(condition.join(' '))) continue;
    const hsts = hstsOf(name, value);
    if (hsts === null) continue;
    report.carry(line);
    return hsts;
  }
  return null;
}
