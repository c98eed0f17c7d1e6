/** `Limpet-Drain`, by which a server asks for its own drain (1), or does not any more (0). Never passed on (http/hop-headers.ts). */
import { equalsIgnoreCase } from '../http/bytes.ts';
import type { Headers } from '../http/headers.ts';
import { Name } from '../http/names.ts';

const name = 'limpet-drain';

/** null: it says nothing of that. To be asked only of heads with a Limpet header. */
export function drainAsked(headers: Headers): boolean | null {
  for (let i = headers.first(Name.limpet); i < headers.count; i++) {
    if (headers.id(i) !== Name.limpet) continue;
    if (!equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), name)) continue;
    const value = headers.value(i);
    return value === '1' ? true : value === '0' ? false : null;
  }
  return null;
}
