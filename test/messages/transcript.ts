/**
 * A transcript: wrong inputs with what Limpet says to each, as a person sees it. The files *.txt of this folder are made of
 *
 *     == what is wrong
 *     -- limpet.yaml              a file and its text; (escaped): \t and \xHH are one byte; (fifo), (folder), (sparse): no text
 *     pools: ...
 *     $ NAME=value limpet check   the command line
 *     limpet: ...                 what it says, standard output and error together
 *     exit 3
 */
export interface Case {
  readonly title: string;
  readonly files: readonly CaseFile[];
  /** As it stands behind the `$`. */
  readonly line: string;
  readonly says: string;
  readonly code: number;
}

export interface CaseFile {
  readonly name: string;
  readonly kind: 'text' | 'escaped' | 'fifo' | 'folder' | 'sparse';
  /** Of the transcript, not decoded. */
  readonly text: string;
}

/** Throws for a case that has no end. */
export function parseTranscript(text: string): Case[] {
  return text
    .split(/^== /m)
    .slice(1)
    .map((part) => {
      const [, title = '', setup = '', line = '', says = '', code] =
        /^(.*)\n([\s\S]*?)^\$ (.*)\n([\s\S]*?)^exit (\d+)\n\s*$/m.exec(part) ?? [];
      if (code === undefined) throw new Error(`no command line, or no exit code: ${part}`);
      return { title, files: parseFiles(setup), line, says, code: Number(code) };
    });
}

function parseFiles(setup: string): CaseFile[] {
  return setup
    .split(/^-- /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      const [, name = '', kind = 'text'] = /^(\S+)(?: \((\w+)\))?$/.exec(part.slice(0, end)) ?? [];
      return { name, kind: kind as CaseFile['kind'], text: part.slice(end + 1) };
    });
}

export function bytesOf({ kind, text }: CaseFile): Buffer {
  if (kind !== 'escaped') return Buffer.from(text);
  const decoded = text.replace(/\\(?:x([0-9A-Fa-f]{2})|t)/g, (_, hex?: string) =>
    hex === undefined ? '\t' : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, 'latin1');
}

/** The command line as a shell reads it: variables in front, words, and words in quotes. */
export function wordsOf(line: string): { readonly env: Record<string, string>; readonly args: string[] } {
  const words = Array.from(line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g), ([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''),
  );
  const program = words.indexOf('limpet');
  const env = Object.fromEntries(words.slice(0, program).map((word) => word.split(/=(.*)/s, 2)));
  return { env, args: words.slice(program + 1) };
}
