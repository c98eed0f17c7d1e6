/** What `log.access` may be without fields, and the flag `--log`: a format of metrics/access-formats.ts, or none. */
export const accessWords = ['off', 'text', 'json', 'common', 'combined'] as const;

export type AccessWord = (typeof accessWords)[number];
