/** Dark or light: as the system says, unless the user has switched. */
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const key = 'limpet-theme';
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

export const theme = signal<Theme>(stored());
/** What is shown now. Canvases draw anew when it changes. */
export const isDark = signal(false);

function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

export function followTheme(): void {
  const apply = () => {
    const chosen = theme.value;
    if (chosen === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    isDark.value = chosen === 'dark' || (chosen === 'system' && systemIsDark.matches);
  };
  systemIsDark.addEventListener('change', apply);
  effect(apply);
}

export function switchTheme(): void {
  theme.value = isDark.value ? 'light' : 'dark';
  try {
    localStorage.setItem(key, theme.value);
  } catch {
    // A browser that forbids storage: the choice lasts until the page is loaded again.
  }
}
