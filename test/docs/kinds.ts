/** What a code block of the documentation may be, the first word behind its fence, and how test/docs checks it. */
export const kinds = {
  yaml: 'a config, or a part of one: it is loaded. A line "# or" parts several',
  ts: 'a program, or a part of one (ts express: test/docs/surroundings.ts): it is compiled',
  sh: 'commands: they exist, and so do their options',
  usage: 'a synopsis: compared with --help',
  http: 'heads or header lines: the parser reads them',
  console: 'commands behind "$ ", and what they print',
  log: 'what Limpet prints by itself',
  json: 'what Limpet gives to programs',
  text: 'what nobody can check',
} as const;

export type Kind = keyof typeof kinds;
