/** `${NAME}` and `${NAME:-default}` in the text values of a config, so that secrets stay out of the file. */
import { type Path, type Problem, pathText } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  readonly value: unknown;
  /** What stood where a variable was put in, by path text: errors show this, never what the variable holds. */
  readonly templates: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** `$$`, `${NAME}`, `${NAME:-default}`, or a `${` that is none of them. */
const pattern = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

/** What other programs take for a variable, where it is all of a text: `$NAME`, `$(NAME)`, `%NAME%`, `$HOST:80`, `app1:$PORT`. */
const foreign = /^(?:[\w.-]*:)?(?:\$([A-Za-z_]\w*)|\$\(([A-Za-z_]\w*)\)|%([A-Za-z_]\w*)%)(?::[0-9]+)?$/;

/**
 * Replaces in every text value, at any depth, and never in a key. An empty variable counts as missing where a
 * default is given, as in a shell; `$$` is one dollar sign. What a variable holds is not looked into again.
 */
export function substitute(value: unknown, env: Environment): Substituted {
  const templates = new Map<string, string>();
  const problems: Problem[] = [];

  const fill = (text: string, path: Path): string => {
    const bare = foreign
      .exec(text)
      ?.slice(1)
      .find((name) => name !== undefined);
    if (bare !== undefined) {
      // What is no name of a variable may be a secret.
      const name = /^[A-Z_][A-Z0-9_]*$/.test(bare) || env[bare] !== undefined ? bare : 'NAME';
      templates.set(pathText(path), text);
      problems.push({
        level: 'error',
        path,
        text: `found a variable as other programs write it, expected \${${name}}; write $$ for a dollar sign`,
      });
      return text;
    }
    if (!text.includes('$')) return text;
    return text.replace(pattern, (whole, name: string | undefined, fallback: string | undefined) => {
      if (whole === '$$') return '$';
      templates.set(pathText(path), text);
      if (name === undefined) {
        problems.push({
          level: 'error',
          path,
          text: `expected \${NAME} or \${NAME:-default}; write $$ for a dollar sign`,
        });
        return '';
      }
      const found = env[name];
      if (found !== undefined && (found !== '' || fallback === undefined)) return found;
      if (fallback !== undefined) return fallback;
      problems.push({ level: 'error', path, text: `the environment variable ${name} is not set` });
      return '';
    });
  };

  const walk = (node: unknown, path: Path): unknown => {
    if (typeof node === 'string') return fill(node, path);
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])]));
  };

  return { value: walk(value, []), templates, problems };
}
