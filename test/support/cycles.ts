/** Import cycles in `src`, between folders and between files. Type imports count: whoever reads one file has to read all. */
import type { Place, SourceFile } from './source-file.ts';

/**
 * Leaves that count as a place of their own when cycles between folders are looked for: the filled options, and the kinds of values
 * of which the schema of a config is made.
 */
const contracts = [
  'src/config/options.ts',
  'src/config/field-kinds.ts',
  'src/config/fields.ts',
  'src/config/units.ts',
  'src/config/address.ts',
];

/** Import cycles between folders, each as the chain of files that makes it. */
export function findFolderCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map<Place, Map<Place, string>>();
  for (const { path, imports } of files) {
    for (const { target } of imports) {
      const [from, to] = [folderOf(path), folderOf(target)];
      if (!target.startsWith('src/') || from === to) continue;
      const outgoing = edges.get(from) ?? new Map<Place, string>();
      edges.set(from, outgoing);
      if (!outgoing.has(to)) outgoing.set(to, `${path} -> ${target}`);
    }
  }

  const cycles: string[] = [];
  const done = new Set<Place>();
  const walk = (folder: Place, trail: readonly Place[], links: readonly string[]) => {
    const start = trail.indexOf(folder);
    if (start >= 0) {
      cycles.push(`${[...trail.slice(start), folder].join(' -> ')}: ${links.slice(start).join(', ')}`);
      return;
    }
    if (done.has(folder)) return;
    for (const [to, link] of edges.get(folder) ?? []) walk(to, [...trail, folder], [...links, link]);
    done.add(folder);
  };
  for (const folder of edges.keys()) walk(folder, [], []);
  return cycles;
}

/** The folder right below src; a file there, or a contract, stands for itself. */
function folderOf(path: Place): Place {
  return contracts.includes(path) ? path : path.split('/').slice(0, 2).join('/');
}

/** Files of which each imports, directly or through others, each other one. */
export interface FileCycle {
  /** Sorted. */
  readonly members: readonly Place[];
  /** A shortest way round: each import with its line. */
  readonly shown: string;
}

/** The strongly connected components with more than one file, and the files that import themselves. */
export function findFileCycles(files: readonly SourceFile[]): FileCycle[] {
  const lines = new Map<Place, Map<Place, number>>();
  for (const { path, imports } of files) {
    const outgoing = new Map<Place, number>();
    for (const { target, line } of imports) if (!outgoing.has(target)) outgoing.set(target, line);
    lines.set(path, outgoing);
  }
  return components(lines)
    .filter((members) => members.length > 1 || lines.get(members[0] ?? '')?.has(members[0] ?? ''))
    .map((members) => ({ members: members.sort(), shown: shortestCycle(members, lines) }))
    .sort((a, b) => (a.shown < b.shown ? -1 : 1));
}

type Edges = ReadonlyMap<Place, ReadonlyMap<Place, number>>;

/** Tarjan's algorithm. */
function components(edges: Edges): Place[][] {
  const found: Place[][] = [];
  const order = new Map<Place, number>();
  const open: Place[] = [];
  const visit = (place: Place): number => {
    const own = order.size;
    let lowest = own;
    order.set(place, own);
    const depth = open.push(place) - 1;
    for (const target of edges.get(place)?.keys() ?? []) {
      if (!edges.has(target)) continue;
      if (!order.has(target)) lowest = Math.min(lowest, visit(target));
      else if (open.includes(target)) lowest = Math.min(lowest, order.get(target) ?? own);
    }
    if (lowest === own) found.push(open.splice(depth));
    return lowest;
  };
  for (const place of edges.keys()) if (!order.has(place)) visit(place);
  return found;
}

/** Breadth first from each member; the first of the shortest. */
function shortestCycle(members: readonly Place[], edges: Edges): string {
  let shortest: readonly Place[] = [];
  for (const start of members) {
    const trails: Place[][] = [[start]];
    const reached = new Set<Place>();
    for (const trail of trails) {
      const targets = [...(edges.get(trail.at(-1) ?? '')?.keys() ?? [])].filter((one) => members.includes(one));
      if (targets.includes(start)) {
        if (shortest.length === 0 || trail.length < shortest.length) shortest = trail;
        break;
      }
      for (const target of targets) {
        if (reached.has(target)) continue;
        reached.add(target);
        trails.push([...trail, target]);
      }
    }
  }
  return shortest
    .map((place, i) => {
      const target = shortest[(i + 1) % shortest.length] ?? '';
      return `${place}:${edges.get(place)?.get(target)} -> ${target}`;
    })
    .join(', ');
}
