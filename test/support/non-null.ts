/** Counts the non-null assertions (`!`) of a file: each is a promise that the compiler cannot check. */
import { isNode, lineOf, type Node, type Place, parse, text } from './source-file.ts';

export interface NonNull {
  readonly path: Place;
  readonly line: number;
  /** The identifier or property that is said not to be null; '' for another expression. */
  readonly name: string;
}

/** Without those on a read by index, `values[i]!`: there the index, not the value, is what the reader has to check. */
export function findNonNull(path: Place, source: string): NonNull[] {
  const found: NonNull[] = [];
  const visit = (node: Node) => {
    if (node.type === 'TSNonNullExpression' && isNode(node.expression)) {
      const { expression } = node;
      const isMember = expression.type === 'MemberExpression';
      if (!isMember || expression.computed !== true) {
        found.push({ path, line: lineOf(node, source), name: text(isMember ? expression.property : expression) ?? '' });
      }
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child);
    }
  };
  for (const node of parse(source)) visit(node);
  return found;
}
