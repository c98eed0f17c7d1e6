/** Files that are made into a config by another program first: envsubst, Helm, Ansible, consul-template. */
import { UsageError } from '../errors.ts';

const piece = /\$\{[A-Za-z_][\w.:?+=-]*\}|\{\{.*?\}\}|\{%.*?%\}|<%.*?%>/;

/** A value in which something is still to be put. */
export function isTemplate(text: string): boolean {
  return piece.test(text);
}

/** Why such a value cannot be carried over. */
export function templated(text: string): string {
  return `${text} is a template: render it first`;
}

/** Blocks of a template outside of comments: nobody knows what they will become. Throws UsageError with the line of the first. */
export function refuseBlocks(text: string, file: string): void {
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/(?:^|\s)#.*$/, '');
    // An expression in quotes alone may be a value that is wanted so, such as the format of a log.
    const found = /\{\{-?\s*[.$\w(][^{}"]*(?:"[^"]*"[^{}"]*)*\}\}|\{%-?\s*\w.*?%\}|<%[=-]?\s*\S.*?%>/.exec(line)?.[0];
    if (found === undefined) continue;
    throw new UsageError(
      `${file}:${index + 1}: ${found.slice(0, 80)} is a template: render it first, and import what comes of it`,
    );
  }
}
