/** The forms of a session id: 32 hex digits for servers and the store, four words for the balancer, the first two for the table. */
import type { RecognitionView } from '../affinity/affinity.ts';

/** A session's key in the table: the first half of its id. */
export interface TableKey {
  readonly hi: number;
  readonly lo: number;
}

type IdWords = Pick<RecognitionView, 'sid0' | 'sid1' | 'sid2' | 'sid3'>;

/** The id as servers and the store write it. */
export function formatId({ sid0, sid1, sid2, sid3 }: IdWords): string {
  return [sid0, sid1, sid2, sid3].map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** The name in the store of a session that has no copy: the first half of its id, and zeros. */
export function formatHalfId(sid0: number, sid1: number): string {
  return formatId({ sid0, sid1, sid2: 0, sid3: 0 });
}

/** What the access log and events print of a session, as eight hex digits: it cannot be used as an id, and does not place the session. */
export function tagOf({ kind, sid1, sid3 }: Pick<RecognitionView, 'kind' | 'sid1' | 'sid3'>): number {
  return kind === 'key' ? sid1 : sid3;
}

/** The `index`th of the four words of an id in hex digits. */
export function idWord(id: string, index: 0 | 1 | 2 | 3): number {
  return Number.parseInt(id.slice(index * 8, index * 8 + 8), 16);
}

export function tableKeyOf(id: string): TableKey {
  return { hi: idWord(id, 0), lo: idWord(id, 1) };
}
