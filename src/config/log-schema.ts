/** What a person may write about logs, and how it becomes the filled options. */
import { z } from 'zod';
import { formatFlaw, formatForm } from '../metrics/access-formats.ts';
import { accessWords } from './access-words.ts';
import { parseServer } from './address.ts';
import { defaults } from './defaults.ts';
import { decimal, field, map, open, size, text, whole, word } from './fields.ts';
import type { AccessLogOptions, LogOptions, SyslogOptions } from './options.ts';
import { formatSize } from './units.ts';

const { file, syslog, sample } = defaults.accessLog;

/** Those of RFC 5424 section 6.2.1 that fit a server, in the words of syslog.conf. */
const facilities = { user: 1, daemon: 3, auth: 4, authpriv: 10 } as const;
const facilityWords = [
  'user',
  'daemon',
  'auth',
  'authpriv',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

function facilityNumber(word: (typeof facilityWords)[number]): number {
  return word in facilities ? facilities[word as keyof typeof facilities] : 16 + Number(word.slice('local'.length));
}

const formatSchema = z
  .string({ error: formatForm })
  .meta({ title: 'format' })
  .transform((value, context): string => {
    const flaw = formatFlaw(value);
    if (flaw === null) return value;
    context.issues.push({ code: 'custom', message: flaw, input: value });
    return z.NEVER;
  });

const pathForm = 'the path of a file';

const fileSchema = map({
  path: text('path', pathForm, (path) => (path === '' || path.includes('\0') ? null : path)).meta({
    description:
      'The file, which is appended to, and opened again on SIGUSR1. A relative path begins at the current folder.',
  }),
  size: field(
    size(0, 2 ** 40),
    formatSize(file.size),
    'A file that would become larger is renamed to `PATH.1`, the one before to `PATH.2` and so on. `0`: never, for tools such as logrotate.',
  ),
  keep: field(whole(1, 1000), file.keep, 'So many renamed files are kept.'),
});

const syslogForm = 'an address such as udp://127.0.0.1:514, tcp://logs:601 or unix:/run/syslog.sock';

const syslogSchema = map({
  address: text('address', syslogForm, parseSyslog).meta({
    description:
      'Where messages of RFC 5424 go: `udp://HOST:PORT`, `tcp://HOST:PORT`, or `unix:PATH` of a stream socket.',
  }),
  facility: field(word(facilityWords), syslog.facility, 'The facility of each message; its severity is `info`.'),
  tag: field(
    text('name', 'a name of up to 48 visible ASCII characters', (tag) =>
      /^[\x21-\x7e]{1,48}$/.test(tag) ? tag : null,
    ),
    syslog.tag,
    'The name of the program in each message.',
  ),
}).transform(({ address, facility, tag }): SyslogOptions => {
  return { ...address, facility: facilityNumber(facility), tag };
});

const accessSchema = z
  .union(
    [
      word(accessWords),
      map({
        format: field(
          formatSchema,
          'text',
          '`text`, `json`, `common`, `combined`, or a template with fields in braces, such as `{client} {status} {totalMs}`.',
        ),
        sample: field(
          decimal(0, 1),
          sample,
          'The share of requests that have a line. Those that failed, or were answered with 5xx, have one always.',
        ),
        file: open(fileSchema, 'none', 'Lines go to a file.'),
        syslog: open(
          syslogSchema,
          'none',
          'Lines go to a syslog server. With neither `file` nor `syslog` they go to stdout.',
        ),
      }),
    ],
    { error: `one of ${accessWords.join(', ')}, or a map of fields` },
  )
  .transform((written): AccessLogOptions | null => {
    if (written === 'off') return null;
    if (typeof written === 'string') return { format: written, sample, file: null, syslog: null };
    return { ...written, file: written.file ?? null, syslog: written.syslog ?? null };
  });

export const logSchema = map({
  access: field(
    accessSchema,
    defaults.log.access,
    'One line for each request: `off`, one of the formats, or fields. `json` makes all of the log JSON.',
  ),
  level: field(
    word(['debug', 'info', 'warn', 'error']),
    defaults.log.level,
    'The least severe messages that are logged.',
  ),
}).transform((filled): LogOptions => filled);

function parseSyslog(written: string): Pick<SyslogOptions, 'protocol' | 'address'> | null {
  const [, protocol, rest = ''] = /^(udp|tcp):\/\/(.+)$/.exec(written) ?? [];
  const address = parseServer(protocol === undefined ? written : rest);
  if (address === null) return null;
  if (protocol === undefined) return address.kind === 'unix' ? { protocol: 'unix', address } : null;
  return address.kind === 'tcp' ? { protocol: protocol === 'udp' ? 'udp' : 'tcp', address } : null;
}
