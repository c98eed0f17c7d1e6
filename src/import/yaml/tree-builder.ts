/** Builds a tree of YAML nodes, so that TOML tables and labels of containers can be read like YAML. */
import { isMap, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

/** The position of a key or a value: offsets in the text. */
export type Span = readonly [start: number, end: number];

export class TreeBuilder {
  readonly root: YAMLMap;
  private readonly known = new Map<Node, Map<string, Node>>();

  constructor(span: Span) {
    this.root = withRange(new YAMLMap(), span);
  }

  /** The map at this path, which is created if it is missing; numbers are indexes of a list. Returns null if the path holds a scalar. */
  open(from: Node, path: readonly (string | number)[], span: Span): YAMLMap | null {
    let node: Node = from;
    for (const [index, key] of path.entries()) {
      const found: Node | undefined = this.known.get(node)?.get(String(key));
      const next = found ?? withRange(typeof path[index + 1] === 'number' ? new YAMLSeq() : new YAMLMap(), span);
      if (found === undefined && !this.put(node, key, next, span)) return null;
      node = next;
    }
    return isMap(node) ? node : null;
  }

  /** Returns false if the key is taken, or if `to` is no collection. */
  put(to: Node, key: string | number, value: Node, span: Span): boolean {
    const children = this.known.get(to) ?? new Map<string, Node>();
    if (children.has(String(key))) return false;
    if (isMap(to) && typeof key === 'string') to.items.push(new Pair(withRange(new Scalar(key), span), value));
    else if (isSeq(to)) to.items.push(value);
    else return false;
    this.known.set(to, children.set(String(key), value));
    return true;
  }
}

export function withRange<N extends Node>(node: N, [start, end]: Span): N {
  node.range = [start, end, end];
  return node;
}
