/** The dashboard: one page on the admin listener that shows the balancer live, and by which an operator changes it. */
import { render } from 'preact';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/views.css';
import { App } from './app.tsx';
import { followRoute } from './state/route.ts';
import { start } from './state/store.ts';
import { followTheme } from './state/theme.ts';

followTheme();
followRoute();
render(<App />, document.getElementById('app')!);
start();
