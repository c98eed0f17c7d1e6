import { describe, expect, test } from 'vitest';
import { accessRecord } from '../../test/support/access-record.ts';
import { formatFlaw, lineFormatOf, templateFieldNames } from './access-formats.ts';
import type { ExchangeRecord } from './access-log.ts';

const record: ExchangeRecord = {
  ...accessRecord,
  target: '/cart',
  queueMs: -1,
  connectMs: 0.42,
  responseMs: 3.1,
  referer: 'https://shop.example/"x"',
  userAgent: 'Mozilla/5.0 (X11) \x1b[2J',
};
const line = (format: string) => lineFormatOf(format).format(record);

test('common and combined, as log analysers read them; no client can close a quote', () => {
  const common = '192.0.2.7 - - [01/Mar/2026:12:00:00 +0000] "GET /cart HTTP/1.1" 200 2048';
  expect(line('common')).toBe(common);
  expect(line('combined')).toBe(`${common} "https://shop.example/\\x22x\\x22" "Mozilla/5.0 (X11) \\x1b[2J"`);
  const none = { ...record, client: '', bytesOut: 0, referer: '', userAgent: '' };
  expect(lineFormatOf('combined').format(none)).toBe(
    '- - - [01/Mar/2026:12:00:00 +0000] "GET /cart HTTP/1.1" 200 - "-" "-"',
  );
});

describe('a template', () => {
  test('has its fields, and text between them', () => {
    expect(line('{client} {{{status}}} [{date}] {totalMs}ms {connectMs}/{queueMs} {flags}')).toBe(
      '192.0.2.7 {200} [01/Mar/2026:12:00:00 +0000] 12ms 0.4/- VN',
    );
    for (const name of templateFieldNames) expect(line(`<{${name}}>`)).toMatch(/^<[^<>]+>$/);
  });

  test('reads headers only for the fields of the agent', () => {
    expect(lineFormatOf('{client} {status}').readsAgent).toBe(false);
    expect(lineFormatOf('{client} "{userAgent}"').readsAgent).toBe(true);
    expect(lineFormatOf('json').readsAgent).toBe(false);
  });
});

test.each([
  ['text', null],
  ['{client} {status}', null],
  ['{{{pool}}}', null],
  ['jason', 'one of text, json, common, combined, or a template'],
  ['{{status}}', 'one of text, json, common, combined, or a template'],
  ['{client', 'each { has its }'],
  ['{client} {cookie}', 'these fields only: time, date,'],
  ['{constructor}', 'these fields only'],
  ['{client}\n{status}', 'in ASCII'],
])('%j: what is wrong with it', (format, flaw) => {
  const found = formatFlaw(format);
  if (flaw === null) expect(found).toBeNull();
  else expect(found).toContain(flaw);
});
