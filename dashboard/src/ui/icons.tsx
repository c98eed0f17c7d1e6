/** The few signs that the page uses, drawn with the text's colour. */
import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 20 20"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {children}
    </svg>
  );
}

export const icons = {
  overview: (
    <Icon>
      <circle cx="6" cy="6.5" r="3.2" />
      <circle cx="14.2" cy="8" r="2.2" />
      <circle cx="8.8" cy="14.6" r="2.6" />
    </Icon>
  ),
  servers: (
    <Icon>
      <rect x="3" y="3.5" width="14" height="5.4" rx="1.4" />
      <rect x="3" y="11.1" width="14" height="5.4" rx="1.4" />
      <path d="M6 6.2h.01M6 13.8h.01" />
    </Icon>
  ),
  sessions: (
    <Icon>
      <circle cx="9" cy="9" r="5.4" />
      <path d="m13.2 13.2 3.6 3.6" />
    </Icon>
  ),
  explain: (
    <Icon>
      <path d="M3.5 5h8M3.5 10h5M3.5 15h8" />
      <path d="m13 7.5 3.5 2.5-3.5 2.5" />
    </Icon>
  ),
  events: (
    <Icon>
      <path d="M3 10h3l2-5.5 3.6 11 2-5.5H17" />
    </Icon>
  ),
  dark: (
    <Icon>
      <path d="M16.5 11.6A6.8 6.8 0 0 1 8.4 3.5a6.8 6.8 0 1 0 8.1 8.1Z" />
    </Icon>
  ),
  light: (
    <Icon>
      <circle cx="10" cy="10" r="3.4" />
      <path d="M10 2.6v1.6M10 15.8v1.6M2.6 10h1.6M15.8 10h1.6M4.8 4.8l1.1 1.1M14.1 14.1l1.1 1.1M15.2 4.8l-1.1 1.1M5.9 14.1l-1.1 1.1" />
    </Icon>
  ),
  key: (
    <Icon>
      <circle cx="7" cy="13" r="3.4" />
      <path d="m9.5 10.5 7-7M13.5 6.5l2.2 2.2" />
    </Icon>
  ),
  close: (
    <Icon>
      <path d="m5 5 10 10M15 5 5 15" />
    </Icon>
  ),
} as const;

/** A limpet on its rock. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-shell" d="M3 25C6 13.500 11 6 16 6s10 7.500 13 19Z" />
      <path class="mark-lines" d="M16 6v19M16 6l-5 19M16 6l5 19M16 6 6.800 25M16 6l9.200 19" />
      <rect class="mark-rock" x="2" y="25" width="28" height="2.600" rx="1.300" />
    </svg>
  );
}
