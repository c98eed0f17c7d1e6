/** The design's colours for a canvas, which knows no custom properties. */

const names = ['surface', 'text', 'muted', 'line', 'accent', 'accent-soft', 'warn', 'bad', 'rescue', 'idle'] as const;
export type Palette = Readonly<Record<(typeof names)[number], string>>;

export function readPalette(within: HTMLElement): Palette {
  const probe = document.createElement('span');
  probe.hidden = true;
  within.append(probe);
  const palette = Object.fromEntries(
    names.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  ) as Palette;
  probe.remove();
  return palette;
}
