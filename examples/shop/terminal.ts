/**
 * Words in colour, when a terminal is there to show them and NO_COLOR does not forbid it (no-color.org).
 */

const codes = { bold: '1', dim: '2', red: '31', green: '32', cyan: '36', gull: '94', kelp: '92', seal: '95' } as const;
export type Style = keyof typeof codes;

export type Paint = (style: Style, text: string) => string;

export function createPaint(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const coloured = stream.isTTY === true && (env.NO_COLOR ?? '') === '';
  return coloured ? (style, text) => `\x1b[${codes[style]}m${text}\x1b[0m` : (_style, text) => text;
}

/** A server's name in its colour, the same as on the page. */
export function paintServer(paint: Paint, name: string, text = name): string {
  return name === 'gull' || name === 'kelp' || name === 'seal' ? paint(name, text) : text;
}
