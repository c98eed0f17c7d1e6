/**
 * Finds pauses of a fixed time in tests: a test waits for an event, or turns a clock by hand (hand-time.ts). A timer that limits
 * a wait, or that makes a server slow, is no pause of the test.
 */
import { parseAst } from 'vitest/node';

/** A node of the syntax tree, of which this reader knows only what it asks for. */
type Node = { readonly type: string } & Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function nameOf(value: unknown): string {
  return isNode(value) && value.type === 'Identifier' && typeof value.name === 'string' ? value.name : '';
}

/** One description for each pause. */
export function findSleeps(path: string, source: string): string[] {
  const found: string[] = [];
  /** `resolve` of the promises whose executors are being visited. */
  const resolvers: string[] = [];

  const visit = (node: Node): void => {
    switch (node.type) {
      case 'ImportDeclaration':
        if (isNode(node.source) && /^(?:node:)?timers\/promises$/.test(String(node.source.value))) {
          const specifiers = (node.specifiers as readonly Node[]).map(({ imported }) => nameOf(imported));
          for (const name of specifiers)
            if (name !== 'setImmediate') found.push(`${path}: ${name || '*'} of timers/promises`);
        }
        return;
      case 'CallExpression': {
        const [first] = node.arguments as readonly unknown[];
        const callee = calleeOf(node);
        if (callee === 'setInterval') found.push(`${path}: setInterval`);
        if (callee === 'setTimeout' && callsOneOf(first, resolvers)) found.push(`${path}: a promise of setTimeout`);
        if (callee === 'Bun.sleep' || callee === 'Bun.sleepSync') found.push(`${path}: ${callee}`);
        if (callee === 'Atomics.wait' && (node.arguments as readonly unknown[]).length > 3) {
          found.push(`${path}: Atomics.wait with a time`);
        }
        break;
      }
      case 'NewExpression': {
        const [executor] = node.arguments as readonly unknown[];
        if (nameOf(node.callee) !== 'Promise' || !isNode(executor)) break;
        const [resolve] = (executor.params ?? []) as readonly unknown[];
        resolvers.push(nameOf(resolve));
        visitAll(node);
        resolvers.pop();
        return;
      }
    }
    visitAll(node);
  };
  const visitAll = (node: Node): void => {
    for (const child of Object.values(node)) {
      for (const one of Array.isArray(child) ? child : [child]) if (isNode(one)) visit(one);
    }
  };

  for (const node of parseAst(source, { lang: 'ts' }).body) if (isNode(node)) visit(node);
  return found;
}

function calleeOf({ callee }: Node): string {
  if (!isNode(callee) || callee.type !== 'MemberExpression') return nameOf(callee);
  return `${nameOf(callee.object)}.${nameOf(callee.property)}`;
}

/** `resolve`, or a function whose whole body is a call of it. */
function callsOneOf(value: unknown, names: readonly string[]): boolean {
  if (!isNode(value)) return false;
  if (value.type === 'Identifier') return names.includes(nameOf(value));
  if (value.type !== 'ArrowFunctionExpression' || !isNode(value.body)) return false;
  const { body } = value;
  const [only, ...more] = body.type === 'BlockStatement' ? (body.body as readonly Node[]) : [body];
  if (only === undefined || more.length > 0) return false;
  const call = only.type === 'ExpressionStatement' ? only.expression : only;
  return isNode(call) && call.type === 'CallExpression' && names.includes(nameOf(call.callee));
}
