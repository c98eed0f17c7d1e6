/**
 * A long list of which only the rows near the seen part are in the page. Arrow keys, Page Up and Down, Home and End go through it;
 * one row is in the order of the Tab key.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { rowsInView } from './window.ts';

interface VirtualRowsProps<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string;
  /** The cells of a row. */
  readonly render: (item: T) => ComponentChildren;
  readonly head: ComponentChildren;
  readonly columns: number;
  readonly onOpen?: (item: T) => void;
  /** Any other key on a row. */
  readonly onKey?: (item: T, key: string) => void;
  /** The end is near. */
  readonly onEnd?: () => void;
}

export function VirtualRows<T>(props: VirtualRowsProps<T>) {
  const { items, rowHeight } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [current, setCurrent] = useState(0);
  const wantsFocus = useRef(false);

  useEffect(() => {
    const observer = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 600));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const { from, to } = rowsInView(top, height, rowHeight, items.length);
  const active = Math.min(current, items.length - 1);
  useEffect(() => {
    if (to >= items.length && items.length > 0) props.onEnd?.();
  }, [to, items.length]);
  // Not after the next paint: a key that is typed in the meantime would be for the row before.
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    box.current?.querySelector<HTMLElement>(`[data-row="${active}"]`)?.focus({ preventScroll: true });
  });

  const go = (index: number) => {
    const next = Math.max(0, Math.min(items.length - 1, index));
    const scroller = box.current!;
    const y = next * rowHeight;
    const headHeight = scroller.querySelector<HTMLElement>('.rows-head')?.offsetHeight ?? 0;
    if (y < scroller.scrollTop) scroller.scrollTop = y;
    else if (y + rowHeight > scroller.scrollTop + scroller.clientHeight - headHeight) {
      scroller.scrollTop = y + rowHeight - scroller.clientHeight + headHeight;
    }
    wantsFocus.current = true;
    setCurrent(next);
    setTop(scroller.scrollTop);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-row]');
    if (row === null || row !== event.target || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const at = Number(row.dataset.row);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: items.length - 1,
    };
    const item = items[at];
    const target = steps[event.key];
    if (target !== undefined) go(target);
    else if (item !== undefined && (event.key === 'Enter' || event.key === ' ')) props.onOpen?.(item);
    else if (item !== undefined && event.key.length === 1) props.onKey?.(item, event.key);
    else return;
    event.preventDefault();
  };

  return (
    <div
      class="rows"
      ref={box}
      role="table"
      aria-label={props.label}
      aria-rowcount={items.length + 1}
      aria-colcount={props.columns}
      tabIndex={items.length === 0 ? 0 : -1}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
    >
      <div class="rows-head" role="rowgroup">
        <div class="row row-head" role="row" aria-rowindex={1}>
          {props.head}
        </div>
      </div>
      <div class="rows-body" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(from, to).map((item, i) => {
          const index = from + i;
          return (
            <div
              key={props.keyOf(item)}
              class="row"
              role="row"
              aria-rowindex={index + 2}
              data-row={index}
              tabIndex={index === active || (i === 0 && (active < from || active >= to)) ? 0 : -1}
              style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
              onFocus={() => setCurrent(index)}
              onClick={() => props.onOpen?.(item)}
            >
              {props.render(item)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
