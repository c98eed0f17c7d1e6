/** What Limpet would do with a request, step by step, and why. Nothing is sent to a server. */
import { useState } from 'preact/hooks';
import { client } from '../state/store.ts';

const example = ['GET /cart HTTP/1.1', 'Host: shop.example', 'Cookie: limpet=…', '', ''].join('\n');

/** The part of the explanation that this view knows; the whole is shown below it. */
interface Explained {
  readonly request?: { readonly line: string | null; readonly notes: readonly string[] };
  readonly route?: { readonly index: number; readonly pool: string } | null;
  readonly affinities?: readonly { readonly name: string; readonly result: string; readonly reason: string }[];
  readonly session?: { readonly affinity: string; readonly tag: string | null; readonly epoch: number } | null;
  readonly owner?: { readonly server: string | null; readonly state: string; readonly source: string } | null;
  readonly decision?: {
    readonly kind: string;
    readonly server: string | null;
    readonly certain: boolean;
    readonly reason: string;
  };
  readonly toServer?: string | null;
  readonly toClient?: { readonly status: number; readonly setCookies: readonly string[]; readonly reason: string };
  readonly text?: string;
}

export function Explain() {
  const [text, setText] = useState('');
  const [result, setResult] = useState<Explained | string | null>(null);
  const ask = async () => {
    try {
      setResult(await client.send<Explained>('POST', '/v1/explain', { request: text === '' ? example : text }));
    } catch (error) {
      setResult(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <section class="view" aria-labelledby="explain-title">
      <header class="view-head">
        <h1 id="explain-title">Explain a request</h1>
      </header>
      <form
        class="card explain-form"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <label class="field field-wide">
          <span>The head of a request, as a browser's tools or curl -v show it</span>
          <textarea
            class="mono"
            rows={8}
            spellcheck={false}
            placeholder={example}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button button-main">
          Explain
        </button>
      </form>
      <div role="status">
        {typeof result === 'string' && <p class="note note-warn">{result}</p>}
        {result !== null && typeof result === 'object' && <Steps result={result} />}
      </div>
    </section>
  );
}

function Steps({ result }: { result: Explained }) {
  const { request, route, affinities = [], session, owner, decision, toServer, toClient, text } = result;
  return (
    <div class="card">
      {decision !== undefined && (
        <p class="story-lead">
          {decision.server === null ? 'No server gets it' : `It goes to ${decision.server}`}
          {decision.certain ? '' : ', or by load or chance to another'}: {decision.reason}.
        </p>
      )}
      <ol class="steps">
        {request !== undefined && <Step name="Request" lines={[request.line ?? 'cannot be read', ...request.notes]} />}
        {route !== undefined && (
          <Step
            name="Route"
            lines={[route === null ? 'none matches' : `number ${route.index + 1}, pool ${route.pool}`]}
          />
        )}
        {affinities.length > 0 && (
          <Step
            name="Affinity"
            lines={affinities.map(
              ({ name, result: what, reason }) => `${name}: ${what.replaceAll('-', ' ')}: ${reason}`,
            )}
          />
        )}
        {session && (
          <Step
            name="Session"
            lines={[`${session.affinity}${session.tag === null ? '' : `, ${session.tag}`}, epoch ${session.epoch}`]}
          />
        )}
        {owner && (
          <Step
            name="Owner"
            lines={[`${owner.server ?? 'a server that is gone'}, ${owner.state}, known from the ${owner.source}`]}
          />
        )}
        {decision !== undefined && <Step name="Decision" lines={[`${decision.kind}: ${decision.reason}`]} />}
        {toServer && <Step name="To the server" lines={toServer.trimEnd().split(/\r?\n/)} isCode />}
        {toClient !== undefined && (
          <Step
            name="To the client"
            lines={[
              `${toClient.status}: ${toClient.reason}`,
              ...toClient.setCookies.map((cookie) => `Set-Cookie: ${cookie}`),
            ]}
          />
        )}
        {text !== undefined && <Step name="In words" lines={text.trimEnd().split('\n')} isCode />}
      </ol>
    </div>
  );
}

function Step({ name, lines, isCode = false }: { name: string; lines: readonly string[]; isCode?: boolean }) {
  return (
    <li>
      <h3>{name}</h3>
      {isCode ? <pre class="mono">{lines.join('\n')}</pre> : lines.map((line) => <p key={line}>{line}</p>)}
    </li>
  );
}
