/** Copies text of fields, which is short as a rule: up to this many bytes a loop beats a native call (bench/micro/hpack.ts). */
const loopBytes = 48;

export function copyText(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > loopBytes) from.copy(to, at, start, end);
  else for (let i = start, p = at; i < end; i++) to[p++] = from[i]!;
}
