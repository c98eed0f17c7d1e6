/** Errors in a command line, as one sentence that says what was found and what is expected, and the parser that reports them so. */
import { Command, type Option } from 'commander';
import { suggest } from '../config/problem.ts';

/** The message is for people, and names the option or the command. */
export class Mistake extends Error {
  override readonly name = 'Mistake';
}

/** Options that people try because other programs have them, with the answer. */
const otherwise: Readonly<Record<string, string>> = {
  version: 'limpet --version tells it',
  ...Object.fromEntries(
    ['start', 'run', 'serve', 'server', 'up', 'proxy'].map((word) => [
      word,
      'a start needs none, as in limpet 3001 3002 or limpet --config limpet.yaml',
    ]),
  ),
  stop: 'the signal SIGTERM stops a balancer',
  restart: 'the signal SIGTERM stops a balancer, and whoever started it starts it again',
  status: 'limpet servers tells of each',
  validate: 'limpet check does that',
  test: 'limpet check does that',
  lint: 'limpet check does that',
  convert: 'limpet import does that',
  undrain: 'limpet ready does that',
};

/** The message for a word that is not the name of a command. `path`: the command that it follows, such as `limpet token`. */
export function noCommand(word: string, names: readonly string[], path = 'limpet'): string {
  const near = suggest(word, names);
  const hint =
    path === 'limpet' && Object.hasOwn(otherwise, word)
      ? `: ${otherwise[word]}`
      : near === undefined
        ? ''
        : `, did you mean "${near}"?`;
  const known = names.length === 1 ? `The command is ${names.join()}` : `The commands are ${names.join(', ')}`;
  return `${path} has no command ${quote(word)}${hint}\n${known}`;
}

/** The text in quotes, shortened to a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** Replaces commander's error messages. commander calls these methods by their names; none of them returns. */
export class StrictCommand extends Command {
  override createCommand(name?: string): Command {
    return new StrictCommand(name);
  }

  unknownOption(flag: string): never {
    const [name = flag, value] = flag.split(/=(.*)/s);
    const own = flagsOf(this);
    if (value !== undefined && own.includes(name)) throw new Mistake(`${name}: found a value, expected none`);
    const near = suggest(name, own);
    const elsewhere = this.everyCommand().find((command) => command !== this && flagsOf(command).includes(name));
    const hint =
      near !== undefined
        ? `, did you mean ${near}?`
        : elsewhere !== undefined
          ? `; ${pathOf(elsewhere)} has it`
          : `, expected one of ${own.join(', ')}`;
    throw new Mistake(`${pathOf(this)} has no option ${name}${hint}`);
  }

  unknownCommand(): never {
    throw new Mistake(
      noCommand(
        this.args[0] ?? '',
        this.commands.map((one) => one.name()),
        pathOf(this),
      ),
    );
  }

  missingArgument(name: string): never {
    throw new Mistake(`${pathOf(this)}: found no ${name}, expected ${usageOf(this)}`);
  }

  optionMissingArgument(option: Option): never {
    throw new Mistake(`${option.long}: found nothing behind it, expected ${option.flags}`);
  }

  missingMandatoryOptionValue(option: Option): never {
    throw new Mistake(`${pathOf(this)}: found no ${option.long}, expected ${option.flags}`);
  }

  _excessArguments(found: readonly string[]): never {
    const most = this.registeredArguments.length;
    const extra = found.slice(most).map(quote).join(', ');
    throw new Mistake(`${pathOf(this)}: found ${extra} behind it, expected ${usageOf(this)}`);
  }

  override help(context?: unknown): never {
    // The user did not ask for help: a command is missing.
    if (typeof context === 'object' && context !== null && 'error' in context && context.error === true) {
      const names = this.commands.map((one) => one.name());
      throw new Mistake(`${pathOf(this)}: found no command behind it, expected ${pathOf(this)} ${names.join(' or ')}`);
    }
    return super.help();
  }

  private everyCommand(): Command[] {
    let root: Command = this;
    while (root.parent !== null) root = root.parent;
    return [root, ...root.commands.flatMap((one) => [one, ...one.commands])];
  }
}

/** Refuses a long option with one dash: `-listen :80` would be read as the value "isten" of -l. */
export function checkDashes(args: readonly string[], program: Command): void {
  for (const arg of args) {
    if (arg === '--') return;
    const [name = ''] = arg.split('=', 1);
    if (!/^-[a-z]{2}/.test(name)) continue;
    const known = [program, ...program.commands].flatMap(flagsOf).includes(`-${name}`);
    if (known) throw new Mistake(`found ${name}, expected -${name} with two dashes`);
  }
}

function flagsOf(command: Command): string[] {
  return [...command.options.flatMap(({ long }) => long ?? []), '--help'];
}

/** `limpet token force` */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** `limpet check [file]` */
function usageOf(command: Command): string {
  const words = command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
  return [pathOf(command), ...words].join(' ');
}
