/** Templates, which another program turns into a config: envsubst, Helm, Ansible, consul-template. */
import { UsageError } from '../errors.ts';

const piece = /\$\{[A-Za-z_][\w.:?+=-]*\}|\{\{.*?\}\}|\{%.*?%\}|<%.*?%>/;

/** The value holds an expression that is still to be filled in. */
export function isTemplate(text: string): boolean {
  return piece.test(text);
}

/** The reason why a template cannot be carried over. */
export function templated(text: string): string {
  return `${text} is a template: render it first`;
}

/** Throws UsageError, with the line, for the first template expression outside of comments: its result is not known. */
export function refuseBlocks(text: string, file: string): void {
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/(?:^|\s)#.*$/, '');
    // In quotes it may be meant literally, such as in the format of a log.
    const found = /\{\{-?\s*[.$\w(][^{}"]*(?:"[^"]*"[^{}"]*)*\}\}|\{%-?\s*\w.*?%\}|<%[=-]?\s*\S.*?%>/.exec(line)?.[0];
    if (found === undefined) continue;
    throw new UsageError(
      `${file}:${index + 1}: ${found.slice(0, 80)} is a template: render it first, and import what comes of it`,
    );
  }
}
