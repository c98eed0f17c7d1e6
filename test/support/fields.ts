/** Field lists of HTTP/2 for unit tests, as the decoder of HPACK would leave them. */
import { FieldList } from '../../src/http/h2/hpack/field-list.ts';

export type Field = readonly [name: string, value: string];

/** Text is latin1: a character is a byte. */
export function fieldList(fields: readonly Field[], maxBytes = 1 << 20): FieldList {
  const list = new FieldList(maxBytes);
  list.clear();
  for (const [name, value] of fields) {
    const { tail } = list;
    const text = Buffer.from(name + value, 'latin1');
    text.copy(list.reserve(tail, text.length), tail);
    list.add(tail + name.length, tail + text.length);
  }
  return list;
}
