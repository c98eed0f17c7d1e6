/** The static table of HPACK (RFC 7541 appendix A): fields that both sides know by number, from 1 on. */

const rows: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

export const staticEntries = rows.length;

/** All names and values one after the other. */
export const staticBytes = Buffer.from(rows.map(([name, value]) => name + value).join(''), 'latin1');

/** Of entry i, from 1 on: where its name begins at [2i], where its value begins at [2i + 1]; it ends where the next one begins. */
export const staticOffsets = Uint16Array.of(0, 0, ...offsets(), staticBytes.length, staticBytes.length);

function offsets(): number[] {
  let at = 0;
  return rows.flatMap(([name, value]) => {
    const begin = at;
    at += name.length + value.length;
    return [begin, begin + name.length];
  });
}

/** The first entry of a name; 0: none has it. `name` in lower case. */
export function staticIndexOf(name: string): number {
  return byName.get(name) ?? 0;
}

/** The entry of a name and value; 0: there is none. */
export function staticIndexOfField(name: string, value: string): number {
  return byField.get(`${name}: ${value}`) ?? 0;
}

const byName = new Map<string, number>();
const byField = new Map<string, number>();
for (const [i, [name, value]] of rows.entries()) {
  if (!byName.has(name)) byName.set(name, i + 1);
  byField.set(`${name}: ${value}`, i + 1);
}
