/** The terminal as a whole screen with keys: taken over when it is opened, and given back as it was when it is closed. */
import { emitKeypressEvents, type Key } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { createLogUpdate } from 'log-update';
import type { ScreenSize } from './screen.ts';

/** Another screen, on which nothing scrolls away (xterm's mode 1049). */
const enterScreen = '\x1b[?1049h\x1b[H';
const leaveScreen = '\x1b[?1049l';

export interface Terminal {
  readonly size: ScreenSize;
  readonly hasColours: boolean;
  draw(lines: readonly string[]): void;
  close(): void;
}

export interface TerminalListener {
  /** `name`: as node:readline names the key; `text`: what it types, '' for keys that type nothing. */
  readonly onKey: (name: string, text: string) => void;
  readonly onResize: () => void;
}

export function openTerminal(input: ReadStream, output: WriteStream, { onKey, onResize }: TerminalListener): Terminal {
  const update = createLogUpdate(output);
  const press = (text: string | undefined, { name = '', ctrl }: Key) => {
    // In raw mode the terminal sends no signal for it.
    if (ctrl === true && name === 'c') onKey('q', 'q');
    else if (ctrl !== true) onKey(name, text !== undefined && text.length === 1 ? text : '');
  };
  const resize = () => {
    update.clear();
    output.write('\x1b[2J\x1b[H');
    onResize();
  };
  output.write(enterScreen);
  emitKeypressEvents(input);
  input.setRawMode(true);
  input.on('keypress', press);
  input.resume();
  output.on('resize', resize);
  return {
    get size() {
      // 0: the terminal does not say it. The last row is left to the cursor.
      return { columns: output.columns || 80, rows: (output.rows || 24) - 1 };
    },
    hasColours: process.env.NO_COLOR === undefined && output.hasColors(),
    draw: (lines) => update(lines.join('\n')),
    close: () => {
      input.off('keypress', press);
      output.off('resize', resize);
      input.setRawMode(false);
      input.pause();
      update.clear();
      update.done();
      output.write(leaveScreen);
    },
  };
}
