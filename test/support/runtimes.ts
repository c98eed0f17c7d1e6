/** The runtimes on which every black-box suite runs. */
export const runtimes = ['bun', 'node'] as const;
export type Runtime = (typeof runtimes)[number];
