/** The frame around the views: navigation, access, theme, and what is open above them. */
import { useEffect, useState } from 'preact/hooks';
import { access } from './state/access.ts';
import { route, type ViewName, viewNames } from './state/route.ts';
import { isFollowing, status, trouble } from './state/store.ts';
import { isDark, switchTheme } from './state/theme.ts';
import { icons, Mark } from './ui/icons.tsx';
import { Events } from './views/events.tsx';
import { Explain } from './views/explain.tsx';
import { Footer, Overview } from './views/overview.tsx';
import { Notices, Question } from './views/question.tsx';
import { ServerPanel } from './views/server-panel.tsx';
import { Servers } from './views/servers.tsx';
import { Sessions } from './views/sessions.tsx';
import { TokenDialog } from './views/token-dialog.tsx';

const titles: Readonly<Record<ViewName, string>> = {
  overview: 'Overview',
  servers: 'Servers',
  sessions: 'Sessions',
  explain: 'Explain',
  events: 'Events',
};

const views: Readonly<Record<ViewName, () => preact.JSX.Element>> = {
  overview: Overview,
  servers: Servers,
  sessions: Sessions,
  explain: Explain,
  events: Events,
};

export function App() {
  const { view } = route.value;
  const [asksToken, setAsksToken] = useState(false);
  const needsToken = access.value === 'none';
  useEffect(() => {
    document.title = `${titles[view]} · Limpet`;
  }, [view]);
  useEffect(() => {
    if (needsToken) setAsksToken(true);
  }, [needsToken]);
  const View = views[view];
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('main')?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="#/overview" aria-label="Limpet, overview">
          <Mark />
          <span>Limpet</span>
        </a>
        <nav class="nav" aria-label="Views">
          {viewNames.map((name) => (
            <a key={name} href={`#/${name}`} aria-current={name === view ? 'page' : undefined}>
              {icons[name]}
              <span>{titles[name]}</span>
            </a>
          ))}
        </nav>
        <div class="top-right">
          <Connection />
          <button type="button" class="button button-quiet" onClick={() => setAsksToken(true)}>
            {icons.key}
            <span>{access.value === 'operator' ? 'Operator' : access.value === 'read' ? 'Read-only' : 'Token'}</span>
          </button>
          <button
            type="button"
            class="button-icon"
            aria-label={isDark.value ? 'Switch to light' : 'Switch to dark'}
            onClick={switchTheme}
          >
            {isDark.value ? icons.light : icons.dark}
          </button>
        </div>
      </header>
      <main class={`main main-${view}`} tabIndex={-1}>
        {trouble.value !== '' && (
          <p class="alarm" role="alert">
            No figures: {trouble.value}. Trying again.
          </p>
        )}
        {needsToken ? (
          <p class="empty">
            A token is needed to see this balancer.{' '}
            <button type="button" class="button" onClick={() => setAsksToken(true)}>
              Enter it
            </button>
          </p>
        ) : status.value === null ? (
          <p class="empty">{trouble.value === '' ? 'Asking the balancer…' : ''}</p>
        ) : (
          <View />
        )}
      </main>
      <Footer />
      <ServerPanel />
      <Question />
      {asksToken && <TokenDialog onClose={() => setAsksToken(false)} />}
      <Notices />
    </>
  );
}

function Connection() {
  const isLive = trouble.value === '' && status.value !== null && access.value !== 'none';
  const text = isLive ? (isFollowing.value ? 'Live' : 'Polling') : 'Not connected';
  return (
    <span class={`connection${isLive ? ' is-live' : ''}`}>
      <i aria-hidden="true" />
      {text}
    </span>
  );
}
