/** The token that the user gave, for as long as this tab is open, and what it allows. */
import { signal } from '@preact/signals';

const key = 'limpet-token';

/** unknown: nothing was answered yet. none: a token is needed to see anything. read: it shows, and changes nothing. */
export type Access = 'unknown' | 'none' | 'read' | 'operator';

export const access = signal<Access>('unknown');
export const token = signal(stored());

export function keepToken(value: string): void {
  token.value = value;
  try {
    if (value === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // A browser that forbids storage: the token lasts until the page is loaded again.
  }
}

function stored(): string {
  try {
    return sessionStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}
