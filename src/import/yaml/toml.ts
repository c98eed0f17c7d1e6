/** A TOML file as the tree of parts that a YAML file of the same meaning would be. */
import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import { LineCounter, type Node, Scalar, YAMLSeq } from 'yaml';
import { UsageError } from '../../errors.ts';
import { TreeBuilder, withRange } from './tree-builder.ts';
import { YamlFile } from './yaml-file.ts';

/** Throws UsageError, with the withRange, for what is no TOML. */
export function readToml(text: string, file: string): YamlFile {
  const counter = new LineCounter();
  counter.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) counter.addNewLine(at + 1);
  const yaml = new YamlFile(text, counter);
  yaml.addTree(parse(text, file));
  return yaml;
}

function parse(text: string, file: string): Node {
  try {
    return build(parseTOML(text), text);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${file}:1: not valid TOML: nested too deep`);
    if (!(error instanceof ParseError)) throw error;
    throw new UsageError(`${file}:${error.lineNumber}:${error.column + 1}: not valid TOML: ${error.message}`);
  }
}

function build(program: AST.TOMLProgram, text: string): Node {
  const tree = new TreeBuilder([0, text.length]);
  for (const entry of program.body[0].body) {
    if (entry.type === 'TOMLKeyValue') assign(entry, tree.root, tree);
    else {
      const table = tree.open(tree.root, entry.resolvedKey, entry.key.range);
      for (const pair of entry.body) if (table !== null) assign(pair, table, tree);
    }
  }
  return tree.root;
}

function assign({ key, value }: AST.TOMLKeyValue, to: Node, tree: TreeBuilder): void {
  const names = key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value));
  const last = names.pop();
  const table = tree.open(to, names, key.range);
  if (table !== null && last !== undefined) tree.put(table, last, nodeOf(value, tree), key.range);
}

function nodeOf(content: AST.TOMLContentNode, tree: TreeBuilder): Node {
  if (content.type === 'TOMLArray') {
    const list = withRange(new YAMLSeq(), content.range);
    for (const element of content.elements) list.items.push(nodeOf(element, tree));
    return list;
  }
  if (content.type === 'TOMLInlineTable') {
    const inner = new TreeBuilder(content.range);
    for (const pair of content.body) assign(pair, inner.root, inner);
    return inner.root;
  }
  const plain = typeof content.value === 'object' ? String(content.value) : content.value;
  return withRange(new Scalar(plain), content.range);
}
