/** The runtimes on which every black-box suite runs; LIMPET_RUNTIMES, with commas between them, leaves some out. */
const all = ['bun', 'node'] as const;
export type Runtime = (typeof all)[number];

export const runtimes: readonly Runtime[] = chosen(process.env.LIMPET_RUNTIMES?.split(',') ?? all);

function chosen(names: readonly string[]): Runtime[] {
  const found = all.filter((runtime) => names.includes(runtime));
  if (found.length < names.length) throw new Error(`LIMPET_RUNTIMES is ${names}, expected ${all.join(', ')}`);
  return found;
}
