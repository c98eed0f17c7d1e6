/** A modal dialog of the browser: it keeps the focus inside, Escape closes it, and the focus returns to where it was. */
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { icons } from './icons.tsx';

interface DialogProps {
  readonly title: ComponentChildren;
  readonly kind: 'question' | 'panel';
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, kind, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Not after the next paint: the next key is for the dialog.
  useLayoutEffect(() => {
    const dialog = element.current!;
    const opener = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={`dialog dialog-${kind}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === element.current) onClose();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={heading}>{title}</h2>
          {kind === 'panel' && (
            <button type="button" class="button-icon" aria-label="Close" onClick={onClose}>
              {icons.close}
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}
