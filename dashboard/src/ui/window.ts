/** Which rows of a long list are near the part that is seen. */

export interface RowWindow {
  /** The first row to render. */
  readonly from: number;
  /** The first row behind. */
  readonly to: number;
}

export function rowsInView(scrollTop: number, height: number, rowHeight: number, total: number, around = 8): RowWindow {
  const first = Math.floor(scrollTop / rowHeight) - around;
  const last = Math.ceil((scrollTop + height) / rowHeight) + around;
  const to = Math.max(0, Math.min(total, last));
  return { from: Math.max(0, Math.min(first, to)), to };
}
