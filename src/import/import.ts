/** Another balancer's config as a limpet.yaml: guesses whose it is, has it read, and writes what came of it. */
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
/** A word that no other program begins a line with. */
const caddy = /^\s*(?:reverse_proxy|php_fastcgi|handle_path)\b/m;
const envoy = /"?\b(?:static_resources|staticResources)"?\s*:/;
const nginx = /(?:^|[\s;{}])(?:http|server|upstream\s+[^\s{};]+|location\s+[^{};]+)\s*\{/;

/** By content first: a name says less. null: it is none of them, or could be more than one. */
export function guessKind(text: string, file: string): ImportKind | null {
  const plain = text.replace(/^\s*#.*$/gm, '');
  const kind = manifest.exec(plain)?.[1];
  const found: ImportKind[] = [];
  if (kind !== undefined) found.push(kind === 'Ingress' ? 'ingress' : 'gateway');
  // Annotations hold pieces of other programs' configs.
  if (found[0] !== undefined && /^apiVersion:/m.test(plain)) return found[0];
  if (caddy.test(plain)) return 'caddy';
  if (envoy.test(plain)) return 'envoy';
  if (nginx.test(plain)) found.push('nginx');
  if (traefik.test(plain)) found.push('traefik');
  // `global:` stands in files of Traefik too.
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

/** Throws UsageError when the text is no config of that kind, or the kind is not told and cannot be guessed. */
export function importText(text: string, file: string, from?: ImportKind): Imported {
  const kind = from ?? guessKind(text, file);
  if (kind !== null) return importers[kind](text, file);
  throw new UsageError(`cannot tell whose config ${file} is: say --from ${importKinds.join(', --from ')}`);
}

/** The limpet.yaml, with all that was not carried over as comments at its head. */
export function writeImported({ config, notes }: Imported, file: string): string {
  const comments = byConcern(notes).map(({ line, text, why, kind, concern }) => {
    const what = concern === undefined ? (kind === 'changed' ? 'changed' : 'left out') : concernTitles[concern];
    return `# line ${line}, ${what}: ${oneLine(text, 120)}\n#     ${oneLine(why, 500)}\n`;
  });
  const head = [`# Imported from ${oneLine(file, 300)}`];
  head.push(comments.length === 0 ? '. All of it is carried over.\n' : '. Not carried over, or not exactly:\n#\n');
  return `${head.join('')}${comments.join('')}\n${stringify(config, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** For standard error: first what nobody may miss, then the sum. */
export function summarise({ notes }: Imported, text: string, file: string): string {
  const grave = byConcern(notes).filter(({ concern }) => concern !== undefined);
  const lines = grave.map(({ line, text: source, why, concern = 'open' }) => {
    return `limpet: ${concernTitles[concern]}: ${oneLine(file, 300)}:${line}: ${oneLine(source, 120)} -- ${oneLine(why, 500)}\n`;
  });
  const { carried, changed, leftOut } = countLines(text, notes);
  return `${lines.join('')}limpet: ${carried} ${carried === 1 ? 'line' : 'lines'} carried over, ${changed} changed, ${leftOut} left out\n`;
}

/** Those with a concern first, the gravest before the others; within one as they stand in the file. */
function byConcern(notes: readonly Note[]): Note[] {
  const rank = ({ concern }: Note) => (concern === undefined ? concerns.length : concerns.indexOf(concern));
  return notes.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line);
}

/** A comment ends with its line, and no byte of the file shall steer a terminal. */
function oneLine(text: string, longest: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return clean.length <= longest ? clean : `${clean.slice(0, longest)} ...`;
}

export interface LineCounts {
  readonly carried: number;
  readonly changed: number;
  readonly leftOut: number;
}

/** Of the lines that say something: no comments, no blank ones, no `---` between documents. */
export function countLines(text: string, notes: readonly Note[]): LineCounts {
  const kinds = new Map<number, Note['kind']>();
  for (const { line, kind } of notes) if (kinds.get(line) !== 'changed') kinds.set(line, kind);
  const says = text
    .split('\n')
    .filter((line) => /^\s*[^\s#]/.test(line.replace(/^\uFEFF/, '')) && line.trim() !== '---');
  const changed = Array.from(kinds.values()).filter((kind) => kind === 'changed').length;
  const leftOut = kinds.size - changed;
  return { carried: Math.max(0, says.length - kinds.size), changed, leftOut };
}
