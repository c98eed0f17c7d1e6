/** Turns the issues of zod into problems with the field, what was found there, and what is expected. */
import type { z } from 'zod';
import { withoutSecrets } from '../store/addresses.ts';
import { type Path, type Problem, pathText, suggest } from './problem.ts';

type Issue = z.core.$ZodIssue;

/** `templates`: by path text, the text of the config in which a variable was replaced. */
export function explain(issues: readonly Issue[], value: unknown, templates: ReadonlyMap<string, string>): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of issues.flatMap((one) => unfold(one, []))) {
    for (const problem of problemsOf(issue, value, templates)) {
      // A value can fail several checks of one field; the first one is enough.
      const key = pathText(problem.path);
      if (!problems.has(key)) problems.set(key, problem);
    }
  }
  return [...problems.values()];
}

/**
 * The issues of the branch of a union that was meant: the one that accepts the value's type and fails deeper inside. Where there is no
 * single one, the union's own message is used, which names all branches.
 */
function unfold(issue: Issue, above: readonly PropertyKey[]): Issue[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.filter((branch) => !branch.some(refusesType));
    if (meant.length === 1) return meant.flat().flatMap((inner) => unfold(inner, path));
  }
  return [{ ...issue, path }];
}

function refusesType(issue: Issue): boolean {
  return (
    issue.path.length === 0 &&
    ['invalid_type', 'invalid_value', 'invalid_union', 'invalid_format', 'custom'].includes(issue.code)
  );
}

function problemsOf(issue: Issue, value: unknown, templates: ReadonlyMap<string, string>): Problem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(' ');
    return issue.keys.map((key) => {
      const near = suggest(key, known);
      const hint = near === undefined ? `expected one of ${known.join(', ')}` : `did you mean "${near}"?`;
      return { level: 'error', path: [...path, key], part: 'name', text: `unknown field, ${hint}` };
    });
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? issue.message;
    return [
      {
        level: 'error',
        path,
        part: 'name',
        text: `found the name ${quote(String(path.at(-1)))}, expected ${expected}`,
      },
    ];
  }
  const text = `found ${describe(path, value, templates)}, expected ${issue.message}`;
  const hint = templates.has(pathText(path)) ? '' : hintFor(issue, path, value);
  return [{ level: 'error', path, text: `${text}${hint}` }];
}

/** For a misspelt word the nearest right one, unless the word is a secret or came from a variable. */
function hintFor(issue: Issue, path: Path, value: unknown): string {
  const found = valueAt(value, path);
  if (/^a time such as/.test(issue.message) && /^[1-9][0-9]*$/.test(String(found))) {
    return `; is its unit missing, as in ${String(found)}s?`;
  }
  if (typeof found !== 'string' || isSecret(path)) return '';
  if (/^a list of/.test(issue.message) && /^-\S/.test(found)) return '; a dash and a space begin an item of a list';
  const words = wordsOf(issue);
  const near = suggest(found, words);
  return near === undefined || words.length < 2 ? '' : `; did you mean "${near}"?`;
}

/** The words that are accepted, also where they are only one of several forms. */
function wordsOf(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code !== 'invalid_union') return [];
  return issue.errors.flat().flatMap((inner) => (inner.path.length === 0 ? wordsOf(inner) : []));
}

/** What was found. Never the text of a key or of a variable, because either may be a secret. */
function describe(path: Path, value: unknown, templates: ReadonlyMap<string, string>): string {
  const found = valueAt(value, path);
  const template = templates.get(pathText(path));
  if (/^(?:sessions|fleet)\.store$/.test(path.join('.')) && typeof found === 'string' && template === undefined) {
    return JSON.stringify(withoutSecrets(found));
  }
  if (isSecret(path) && typeof found !== 'object' && found !== undefined) {
    return `a text of ${Buffer.byteLength(String(found))} bytes`;
  }
  if (template !== undefined) return `what ${quote(template)} gives`;
  if (found === undefined || found === null) return 'nothing';
  if (Array.isArray(found)) return found.length === 0 ? 'an empty list' : 'a list';
  if (typeof found === 'object') return Object.keys(found).length === 0 ? 'an empty map' : 'a map';
  if (Number.isNaN(found)) return 'no number (.nan)';
  return typeof found === 'string' ? quote(found) : String(found);
}

const secretFields = ['sessions.secret', 'sessions.encrypt', 'admin.token', 'admin.readToken'];

function isSecret(path: Path): boolean {
  const field = path.join('.');
  return path[0] === 'keys' || secretFields.includes(field) || field.startsWith('tracing.export.headers.');
}

/** A wrong address may contain a password anywhere, and may be in any field. */
function quote(written: string): string {
  const text = /:\/\/|@/.test(written) || /^redi/i.test(written) ? withoutSecrets(written) : written;
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null
        ? Object.entries(node).find(([key]) => key === String(part))?.[1]
        : undefined,
    value,
  );
}
