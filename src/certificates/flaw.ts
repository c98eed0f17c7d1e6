/** What is wrong with a file of certificates, in the words of the config that names it. */

export interface Flaw {
  /** `error`: the config cannot be used. */
  readonly level: 'error' | 'warning';
  /** Of the field that names the file: `['listeners', 0, 'tls', 'certificates', 0, 'cert']`. */
  readonly path: FieldPath;
  /** The file, what was found there, and what is expected. */
  readonly text: string;
}

export type FieldPath = readonly (string | number)[];

/** `listeners[0].tls.certificates[0]`. */
export function fieldOf(path: FieldPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}
