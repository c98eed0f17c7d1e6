/** Shell lines of the documentation: each command is one that there is, with options that it has. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArguments } from '../../src/cli/arguments.ts';
import { readConfig } from '../../src/config/read.ts';
import { root } from './blocks.ts';

/** The words of each command of a line, without its comment. Quotes as sh has them, as far as the pages use them. */
export function commandsOf(line: string): string[][] {
  const commands: string[][] = [[]];
  let word: string | null = null;
  const endWord = () => {
    if (word !== null) commands.at(-1)!.push(word);
    word = null;
  };
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (char === '"' || char === "'") {
      const end = line.indexOf(char, i + 1);
      if (end < 0) throw new Error(`a quote without its end: ${line}`);
      word = (word ?? '') + line.slice(i + 1, end);
      i = end;
    } else if (char === '#' && word === null) break;
    else if (/\s/.test(char)) endWord();
    else if (/[|&;]/.test(char)) {
      endWord();
      if (commands.at(-1)!.length > 0) commands.push([]);
    } else word = (word ?? '') + char;
  }
  endWord();
  return commands.filter((command) => command.length > 0);
}

/** What is wrong with the shell lines; '' for nothing. `made`: files that the page tells the reader to make. */
export function flawOfShell(text: string, page: string, made: readonly string[] = []): string {
  const folder = join(root, dirname(page));
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .flatMap((line) => commandsOf(line.replaceAll(/<\w+>/g, '1')))
    .filter(([name, file = '']) => !(name === 'node' && made.includes(file)))
    .map((command) => flawOfCommand(command, folder))
    .filter((flaw) => flaw !== '')
    .join('; ');
}

export function flawOfCommand([name = '', ...args]: readonly string[], folder: string): string {
  if (name.includes('=') && !name.startsWith('-')) return flawOfCommand(args, folder);
  switch (name) {
    case 'limpet':
    case 'bin/limpet':
      return flawOfLimpet(args);
    case 'npx':
      return args[0] === 'vitest' ? missing(args.slice(1).filter(isPath), root) : flawOfCommand(args, folder);
    case 'npm':
      return flawOfNpm(args);
    case 'node':
    case 'bun':
    case 'python3':
      return missing(args.slice(0, 1), existsSync(join(folder, args[0] ?? '')) ? folder : root) || flawOfFlags(args);
    case 'kill':
      return args[0] === undefined || `SIG${args[0].slice(1)}` in constants.signals ? '' : `kill ${args[0]}: no signal`;
    default:
      return known.has(name) ? '' : `${name}: a program that this check does not know (test/docs/commands.ts)`;
  }
}

/** Programs of others: what they are told is not ours to check. */
const known = new Set([
  'awk',
  'certbot',
  'chmod',
  'curl',
  'git',
  'printf',
  'promtool',
  'sort',
  'systemctl',
  'uniq',
  'cd',
  'mkdir',
]);

export function flawOfLimpet(args: readonly string[]): string {
  const asked = parseArguments(args, '0.0.0');
  if (asked.kind === 'mistake') return asked.text;
  if (asked.kind === 'print' && !args.some((word) => /^(-h|--help|-v|--version)$/.test(word))) return 'prints help';
  if (asked.kind !== 'servers') return '';
  const source = { name: 'command line', locate: () => null };
  const { warnings } = readConfig(asked.config, { source, env: {}, variables: false });
  return warnings.map(({ text }) => text).join('; ');
}

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** Of a script of package.json its options are looked for in what it says to --help. */
function flawOfNpm(args: readonly string[]): string {
  const [verb = '', ...more] = args;
  if (verb === 'install' || verb === 'pack') return '';
  const script = verb === 'run' ? (more.shift() ?? '') : verb;
  const line = scripts[script];
  if (line === undefined) return `npm ${args.join(' ')}: package.json has no script ${script}`;
  const given = more[0] === '--' ? more.slice(1) : [];
  return given.length === 0 || script === 'test' ? missing(given.filter(isPath), root) : flawOfOptions(line, given);
}

const helps = new Map<string, string>();

function flawOfOptions(line: string, given: readonly string[]): string {
  let help = helps.get(line);
  if (help === undefined) {
    const [program = '', ...args] = line.split(' ');
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` };
    const { status, stdout } = spawnSync(program, [...args, '--help'], { cwd: root, env, encoding: 'utf8' });
    if (status !== 0) return `${line} --help: exit code ${status}`;
    helps.set(line, (help = stdout));
  }
  const words = given.filter((word) => word !== '--help' && !/^\d/.test(word) && !/^[A-Z]/.test(word));
  const unknown = words.flatMap((word) => word.split(',')).filter((word) => !help.includes(word));
  return unknown.length === 0 ? '' : `${line} --help does not speak of ${unknown.join(', ')}`;
}

/** Options of a file of ours, looked for in its text. */
function flawOfFlags([file = '', ...args]: readonly string[]): string {
  if (!existsSync(join(root, file))) return '';
  const text = readFileSync(join(root, file), 'utf8');
  const names = args.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
  return names.filter((name) => !text.includes(name)).join(', ');
}

function isPath(word: string): boolean {
  return /^[a-z]+\/[\w./-]+$/.test(word);
}

function missing(files: readonly string[], folder: string): string {
  return files
    .filter((file) => !existsSync(join(folder, file)))
    .map((file) => `there is no ${file}`)
    .join(', ');
}

/** A synopsis: the commands are there, and have the options that stand in it. */
export function flawOfUsage(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.startsWith('limpet '))
    .flatMap((line) => {
      const [usage = ''] = line.split(/ {2,}/);
      const command = /^limpet ((?:[a-z]+ )*[a-z]+)(?= |$)/.exec(usage)?.[1] ?? '';
      const options = usage.match(/(?<=[ [])--?[a-z]+/g) ?? [];
      const found = helpOf(command);
      if (found === '') return [`there is no command ${command}`];
      return options.filter((option) => !found.includes(option)).map((option) => `${command} has no ${option}`);
    })
    .join('; ');
}

/** '' for a command that there is not. */
export function helpOf(command: string): string {
  const words = command.split(' ').filter((word) => word !== '');
  // Of help there is no help.
  const asked = parseArguments(words[0] === 'help' ? words : [...words, '--help'], '0.0.0');
  return asked.kind === 'print' ? asked.text : '';
}

/** What stands behind `limpet` in the first place. */
export function commandNames(): string[] {
  const list = /^Commands:\n((?: .*\n)+)/m.exec(helpOf(''))?.[1] ?? '';
  return Array.from(list.matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name!);
}

/** The commands that a help shows as examples, without what is said of them behind spaces. */
export function examplesOf(command: string): string[] {
  const [, examples = ''] = /^Examples:\n((?: .*\n)+)/m.exec(helpOf(command)) ?? [];
  const lines = examples.split('\n').map((line) => line.trim().split(/ {2,}/)[0]!);
  return lines.filter((line) => /^(printf .*)?limpet /.test(line));
}
