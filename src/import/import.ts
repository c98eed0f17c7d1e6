/** Converts the config of another balancer to a limpet.yaml: finds out its kind, calls the importer, and writes the result. */
import { stringify } from 'yaml';
import { UsageError } from '../errors.ts';
import { importCaddy } from './caddy/importer.ts';
import { importEnvoy } from './envoy/importer.ts';
import { importHaproxy } from './haproxy/importer.ts';
import {
  concerns,
  concernTitles,
  type Imported,
  type Importer,
  type ImportKind,
  importKinds,
  type Note,
} from './imported.ts';
import { importKubernetes } from './kubernetes/importer.ts';
import { Loops } from './loops.ts';

import { importNginx } from './nginx/importer.ts';
import { importTraefik } from './traefik/importer.ts';

const importers: Readonly<Record<ImportKind, Importer>> = {
  nginx: importNginx,
  haproxy: importHaproxy,
  ingress: importKubernetes,
  gateway: importKubernetes,
  traefik: importTraefik,
  caddy: importCaddy,
  envoy: importEnvoy,
};

const manifest =
  /(?:^|[{,])[\s-]*"?kind"?\s*:\s*"?(Ingress|HTTPRoute|Gateway|BackendLBPolicy|XBackendTrafficPolicy)\b/m;
const haproxy = /^(?:global|defaults|listen|frontend|backend)\b[^{;]*$/m;
const traefik =
  /^\s*\[{1,2}(?:http|tcp|udp|entryPoints)\.|^\s*\[entryPoints\]|^entryPoints:|^http:\s*\n(?:\s*\n)*\s+(?:routers|services|middlewares):|\btraefik\.http\.|^apiVersion:\s*"?traefik\.(?:io|containo\.us)\//m;
/** Words with which a line of another program never begins. */
const caddy = /^\s*(?:reverse_proxy|php_fastcgi|handle_path)\b/m;
const envoy = /"?\b(?:static_resources|staticResources)"?\s*:/;
const nginx = /(?:^|[\s;{}])(?:http|server|upstream\s+[^\s{};]+|location\s+[^{};]+)\s*\{/;

/** The content decides before the file name. Returns null if the text fits no kind, or several. */
export function guessKind(text: string, file: string): ImportKind | null {
  const plain = text.replace(/^\s*#.*$/gm, '');
  const kind = manifest.exec(plain)?.[1];
  const found: ImportKind[] = [];
  if (kind !== undefined) found.push(kind === 'Ingress' ? 'ingress' : 'gateway');
  // Annotations may hold pieces of configs of other programs.
  if (found[0] !== undefined && /^apiVersion:/m.test(plain)) return found[0];
  if (caddy.test(plain)) return 'caddy';
  if (envoy.test(plain)) return 'envoy';
  if (nginx.test(plain)) found.push('nginx');
  if (traefik.test(plain)) found.push('traefik');
  // Files of Traefik have a `global:` too.
  else if (haproxy.test(plain)) found.push('haproxy');
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  const named: ImportKind | null = /\.cfg$/.test(file)
    ? 'haproxy'
    : /\.conf$/.test(file)
      ? 'nginx'
      : /caddy(?:file)?$/i.test(file)
        ? 'caddy'
        : null;
  return named !== null && (found.length === 0 || found.includes(named)) ? named : null;
}

/** Throws UsageError if the text is no config of that kind, or if no kind is given and none can be guessed. */
export function importText(text: string, file: string, from?: ImportKind): Imported {
  const kind = from ?? guessKind(text, file);
  if (kind !== null) return importWithoutLoops(importers[kind], text, file);
  throw new UsageError(`cannot tell whose config ${file} is: say --from ${importKinds.join(', --from ')}`);
}

/**
 * Imports again until no server is at an address where the config itself listens. A server that is left out may take routes,
 * pools and listeners with it, so that only the importer can tell the consequences. Each turn leaves out at least one server.
 */
function importWithoutLoops(importer: Importer, text: string, file: string): Imported {
  let loops = new Loops();
  for (;;) {
    const imported = importer(text, file, loops);
    const more = loops.with(imported.config, imported.chosenListeners);
    if (more === null) return imported;
    loops = more;
  }
}

/** The limpet.yaml. It begins with comments about all that was not carried over. */
export function writeImported({ config, notes }: Imported, file: string): string {
  const comments = byConcern(notes).map(({ line, text, why, kind, concern }) => {
    const what = concern === undefined ? (kind === 'changed' ? 'changed' : 'left out') : concernTitles[concern];
    return `# line ${line}, ${what}: ${oneLine(text, 120)}\n#     ${oneLine(why, 500)}\n`;
  });
  const head = [`# Imported from ${oneLine(file, 300)}`];
  head.push(comments.length === 0 ? '. All of it is carried over.\n' : '. Not carried over, or not exactly:\n#\n');
  return `${head.join('')}${comments.join('')}\n${stringify(config, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** The text for standard error: the warnings, then the number of lines. */
export function summarise({ notes }: Imported, text: string, file: string): string {
  const warnings = byConcern(notes).filter(({ concern }) => concern !== undefined);
  const lines = warnings.map(({ line, text: source, why, concern = 'open' }) => {
    return `limpet: ${concernTitles[concern]}: ${oneLine(file, 300)}:${line}: ${oneLine(source, 120)} -- ${oneLine(why, 500)}\n`;
  });
  const { carriedOver, changed, leftOut } = countLines(text, notes);
  return `${lines.join('')}limpet: ${carriedOver} ${carriedOver === 1 ? 'line' : 'lines'} carried over, ${changed} changed, ${leftOut} left out\n`;
}

/** Notes with a concern come first, in the order of `concerns`; notes of the same concern in the order of the file. */
function byConcern(notes: readonly Note[]): Note[] {
  const rank = ({ concern }: Note) => (concern === undefined ? concerns.length : concerns.indexOf(concern));
  return notes.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line);
}

/** A line break would end the comment, and control characters could change a terminal. */
function oneLine(text: string, maxLength: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength)} ...`;
}

export interface LineCounts {
  readonly carriedOver: number;
  readonly changed: number;
  readonly leftOut: number;
}

/** Counts lines with content: no comments, no blank lines, no `---` between documents. */
export function countLines(text: string, notes: readonly Note[]): LineCounts {
  const kinds = new Map<number, Note['kind']>();
  for (const { line, kind } of notes) if (kinds.get(line) !== 'changed') kinds.set(line, kind);
  const withContent = text
    .split('\n')
    .filter((line) => /^\s*[^\s#]/.test(line.replace(/^\uFEFF/, '')) && line.trim() !== '---');
  const changed = Array.from(kinds.values()).filter((kind) => kind === 'changed').length;
  const leftOut = kinds.size - changed;
  return { carriedOver: Math.max(0, withContent.length - kinds.size), changed, leftOut };
}
