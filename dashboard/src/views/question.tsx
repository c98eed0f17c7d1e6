/** The question before a change, and the notices after it. */
import { asked, confirm, notices } from '../state/actions.ts';
import { Dialog } from '../ui/dialog.tsx';

export function Question() {
  const question = asked.value;
  if (question === null) return null;
  const close = () => {
    asked.value = null;
  };
  return (
    <Dialog title={question.title} kind="question" onClose={close} key={question.title}>
      {question.lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class={`button ${question.isDangerous ? 'button-bad' : 'button-main'}`}
          autofocus={!question.isDangerous}
          onClick={() => void confirm(question)}
        >
          {question.verb}
        </button>
      </div>
    </Dialog>
  );
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, isError }) => (
        <p key={id} class={`notice${isError ? ' notice-bad' : ''}`}>
          {text}
        </p>
      ))}
    </div>
  );
}
