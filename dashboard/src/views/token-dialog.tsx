/** Asks for the token once; it stays in this tab. */
import { useState } from 'preact/hooks';
import { access, keepToken, token } from '../state/access.ts';
import { Dialog } from '../ui/dialog.tsx';

export function TokenDialog({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const wasRefused = token.value !== '' && access.value === 'none';
  return (
    <Dialog title="Token" kind="question" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() === '') return;
          keepToken(text.trim());
          onClose();
        }}
      >
        <p>
          {wasRefused ? 'The balancer does not know this token. ' : ''}
          The operator token (<code>admin.token</code>) shows and changes, the read token (<code>admin.readToken</code>)
          only shows. It is kept until this tab is closed.
        </p>
        <label class="field field-wide">
          <span>Token</span>
          <input
            type="password"
            autocomplete="off"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            autofocus
          />
        </label>
        <div class="dialog-actions">
          {token.value !== '' && (
            <button
              type="button"
              class="button"
              onClick={() => {
                keepToken('');
                onClose();
              }}
            >
              Forget it
            </button>
          )}
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button-main">
            Use it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
