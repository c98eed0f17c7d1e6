/** Values of the command line. Each is checked while it is parsed, so that an error names its option. */
import { isIP } from 'node:net';
import { listenerForm, parseListener, parseServer, serverForm } from '../config/address.ts';
import { affinityFlagFlaw } from '../config/affinity-flag.ts';
import { suggest } from '../config/problem.ts';
import { parseDuration } from '../config/units.ts';
import { countOfWorkers, mostWorkers } from '../config/workers.ts';
import { plainAddress } from '../ip.ts';
import { isStoreAddress, storeForm, withoutSecrets } from '../store/addresses.ts';
import { type AdminUrl, parseAdminUrl } from './asked-balancer.ts';
import { Mistake, noCommand, quote } from './mistake.ts';

/** A parser as commander calls it. `before` is the value that the option has already; undefined: none. */
type Take<T> = (text: string, before: T | undefined) => T;

/**
 * An option that may be given once. `read` answers null for an invalid value. `shown`: the part of the value that a message may
 * show.
 */
function once<T>(
  flag: string,
  expected: string,
  read: (text: string) => T | null,
  shown: (text: string) => string = (text) => text,
): Take<T> {
  return (text, before) => {
    if (before !== undefined) throw new Mistake(`${flag}: found it twice, expected once`);
    const value = read(text);
    if (value === null)
      throw new Mistake(`${flag}: found ${quote(shown(text))}, expected ${expected}${hintFor(text, flag)}`);
    return value;
  };
}

/** A hint when the next option was taken for the value, or when there is no value. */
function hintFor(text: string, flag: string): string {
  return /^--?[a-z]/.test(text) ? `: is the value of ${flag} missing?` : '';
}

export const adminUrl: Take<AdminUrl> = once(
  '--admin',
  'where an admin listener is, such as https://10.0.0.1:9000, http://127.0.0.1:9000 or unix:/run/limpet/admin.sock',
  parseAdminUrl,
  withoutSecretsOf,
);

export const file = (flag: string): Take<string> => text(flag, 'the name of a file');

/** Repeatable. */
export function files(flag: string): Take<string[]> {
  const read = file(flag);
  return (text, before = []) => [...before, read(text, undefined)];
}

export const tls: Take<'auto'> = once(
  '--tls',
  'auto; files of a certificate are named with --tls-cert and --tls-key',
  (text) => (text === 'auto' ? text : null),
);

export function choice<const T extends string>(flag: string, choices: readonly T[]): Take<T> {
  return (text, before) => {
    const near = suggest(text, choices);
    const expected = `one of ${choices.join(', ')}${near === undefined || near === text ? '' : `; did you mean "${near}"?`}`;
    return once(flag, expected, (word) => choices.find((one) => one === word) ?? null)(text, before);
  };
}

export const time = (flag: string): Take<number> =>
  once(flag, 'a time with its unit, such as 30m or 1h', (text) => {
    const found = parseDuration(text);
    return found > 0 ? found : null;
  });

export const instant: Take<number> = once('--now', 'a time such as 2026-01-31T12:00:00Z', (text) => {
  const found = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(found) ? null : found;
});

export const peer: Take<string> = once('--client', 'an IP address, or unix', (text) =>
  text === 'unix' ? '' : isIP(text) === 0 ? null : plainAddress(text),
);

export const text = (flag: string, expected: string): Take<string> =>
  once(flag, expected, (found) => (found === '' || /^--[a-z]/.test(found) ? null : found));

export const whole = (flag: string): Take<number> =>
  once(flag, 'a whole number from 1 on', (found) => (/^[1-9][0-9]{0,15}$/.test(found) ? Number(found) : null));

/** Repeatable: `Name: value`. */
export const headers: Take<Record<string, string>> = (text, before = {}) => {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([^\r\n\0]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new Mistake(`--header: found ${quote(text)}, expected Name: value`);
  return { ...before, [name]: value };
};

export const workers: Take<number> = once('--workers', `a whole number from 1 to ${mostWorkers}, or auto`, (text) => {
  if (text === 'auto') return countOfWorkers(text);
  const count = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= mostWorkers ? count : null;
});

export const healthPath: Take<string> = once('--health', 'a path such as /healthz', (text) =>
  /^\/[\x21-\x22\x24-\x7e]*$/.test(text) ? text : null,
);

export const store: Take<string> = once(
  '--sessions',
  storeForm,
  (text) => (isStoreAddress(text) ? text : null),
  withoutSecrets,
);

export function names(flag: string): Take<string[]> {
  return (text, before = []) => {
    const found = text.split(',').filter((name) => name !== '');
    if (found.length === 0)
      throw new Mistake(`${flag}: found no name, expected names of servers with commas between them`);
    return [...before, ...found];
  };
}

export const listeners: Take<string[]> = (text, before = []) => {
  if (parseListener(text) !== null) return [...before, text];
  const port = /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535;
  const hint = port ? `; did you mean :${text} (all interfaces) or 127.0.0.1:${text}?` : hintFor(text, '--listen');
  throw new Mistake(`--listen: found ${quote(text)}, expected ${listenerForm}${hint}`);
};

export const affinities: Take<string[]> = (text, before = []) => {
  const expected = affinityFlagFlaw(text);
  if (expected === null) return [...before, text];
  throw new Mistake(`--affinity: found ${quote(text)}, expected ${expected}${hintFor(text, '--affinity')}`);
};

/** The servers of the command line. `commands`: the first word may also be one of these. */
export function servers(commands: () => readonly string[]): Take<string[]> {
  return (text, before = []) => {
    if (parseServer(text) !== null) return [...before, text];
    const known = commands();
    if (known.includes(text)) {
      throw new Mistake(`found the command ${text} behind a server, expected limpet ${text} alone`);
    }
    // A word without a colon or a dot is likelier a command than a host without its port.
    if (before.length === 0 && /^[a-z][a-z-]*$/i.test(text)) {
      throw new Mistake(`${noCommand(text, known)}; a server is ${serverForm}`);
    }
    throw new Mistake(`server ${quote(withoutSecretsOf(text))}: expected ${serverForm}${serverHint(text)}`);
  };
}

/** The URL of a server may have a password. */
function withoutSecretsOf(text: string): string {
  return text.includes('@') ? withoutSecrets(text) : text;
}

function serverHint(text: string): string {
  if (/\.(?:ya?ml|json|[cm]?[jt]s)$/.test(text)) return `; a config file is named with --config ${text}`;
  if (/\.(?:conf|cfg|toml)$|Caddyfile$/.test(text))
    return `; limpet import ${text} takes over the config of another balancer`;
  if (text.startsWith('https://')) return '; Limpet speaks no TLS to servers: name a port without it';
  const [, host] = /^http:\/\/([^/@\s]+)\/?$/.exec(text) ?? [];
  if (host !== undefined) return `; without http://, and with its port: ${host.includes(':') ? host : `${host}:80`}`;
  if (/^[0-9]+$/.test(text)) return '; a port is 1 to 65535';
  if (text.includes(',')) return '; between two servers stands a space, and no comma';
  if (isIP(text) === 6) return '; an IPv6 address stands in brackets, and has its port, as in [::1]:3001';
  if (/^[a-z0-9.-]+$/i.test(text) && /\./.test(text)) return `; is its port missing, as in ${text}:3000?`;
  return '';
}
