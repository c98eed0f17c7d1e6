/** The small parts that all views share: a server's state, a meter, a figure. */
import type { ComponentChildren } from 'preact';
import type { ServerState, SessionCounts } from '../api/types.ts';
import { percent, short } from './format.ts';

export function StateBadge({ state, drained }: { state: ServerState; drained: boolean }) {
  const text = state === 'down' && drained ? 'down, drained' : state;
  return <span class={`badge badge-${state}`}>{text}</span>;
}

/** Sessions with a copy and without, by the share of `most`. */
export function SessionMeter({ sessions, most }: { sessions: SessionCounts; most: number }) {
  const share = (value: number) => `${most === 0 ? 0 : (100 * value) / most}%`;
  return (
    <span class="meter" aria-hidden="true">
      <span class="meter-copied" style={{ width: share(sessions.copied) }} />
      <span class="meter-uncopied" style={{ width: share(sessions.uncopied) }} />
    </span>
  );
}

export function Figure(props: {
  name: string;
  value: ComponentChildren;
  note?: ComponentChildren;
  tone?: 'bad' | 'warn' | '';
}) {
  return (
    <div class={`figure ${props.tone ? `figure-${props.tone}` : ''}`}>
      <dt>{props.name}</dt>
      <dd>
        <span class="figure-value">{props.value}</span>
        {props.note !== undefined && <span class="figure-note">{props.note}</span>}
      </dd>
    </div>
  );
}

export function copiedText({ live, copied }: SessionCounts): string {
  return live === 0 ? 'no sessions' : `${short(copied)} with a copy (${percent(copied, live)})`;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
