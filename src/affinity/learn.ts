/**
 * Affinity by the app's own session id (JSESSIONID, PHPSESSID, connect.sid and the like): learned from the responses that set it, and
 * recognised in the requests that carry it. The id is not changed, and the client gets nothing from us.
 */
import type { FieldKinds } from '../config/field-kinds.ts';
import { CookieScan } from '../http/cookie.ts';
import type { RequestHead, ResponseHead } from '../http/head.ts';
import type { Headers } from '../http/headers.ts';
import { Name } from '../http/names.ts';
import { SetCookie } from '../http/set-cookie.ts';
import { type Affinity, type ClientFacts, type LearnedId, Recognition, type RecognitionView } from './affinity.ts';
import type { AffinityDescriptor, IdSource, SessionTimes } from './descriptor.ts';
import {
  checkAppCookie,
  checkHeader,
  cookieSource,
  headerSource,
  nextHeader,
  PathParameter,
  pathParameterSource,
  QueryParameter,
  querySource,
} from './id-sources.ts';
import { checkTimes, fillTimes, type NamedDependencies, Naming, usualIdleMs } from './named.ts';

/** At least one of the four names is not empty. */
export interface LearnOptions extends SessionTimes {
  readonly type: 'learn';
  /** Name of the app's cookie: Set-Cookie of responses, Cookie of requests. '' none. */
  readonly cookie: string;
  /** Header of responses and of requests. '' none. */
  readonly header: string;
  /** Query parameter of requests. '' none. */
  readonly query: string;
  /** Path parameter, `;NAME=id` at the end of a path segment: requests, and Location of responses. '' none. */
  readonly parameter: string;
}

const learnForm =
  "the name of the app's cookie, or a map with cookie, header, query or parameter (at least one of them)";

export const learn = {
  type: 'learn',
  meaning: "The app's own session id: learned from responses, followed in requests.",
  hasIds: true,
  learns: true,
  schema({ cookieName, headerName, map, open, queryName, storedTimes, text, z }: FieldKinds) {
    // What may stand before the `=` of a path parameter (RFC 3986 section 3.3), without the characters that end it.
    const parameterName = text('parameter', 'the name of a path parameter such as jsessionid', (name) =>
      /^[\w.~!$&'()*+,:@%-]{1,256}$/.test(name) ? name : null,
    );
    const fields = map(
      {
        cookie: open(cookieName, undefined, "The app's cookie: set by responses, sent by requests."),
        header: open(headerName, undefined, 'A header of responses and of requests.'),
        query: open(queryName, undefined, 'A query parameter of requests. It has the id that was learned elsewhere.'),
        parameter: open(
          parameterName,
          undefined,
          'A path parameter, `;NAME=id` at the end of a segment: of requests, and of `Location` in responses.',
        ),
        ...storedTimes(usualIdleMs),
      },
      learnForm,
    ).transform(({ cookie = '', header = '', query = '', parameter = '', idle, absolute }, context): LearnOptions => {
      if (cookie + header + query + parameter !== '')
        return { type: 'learn', cookie, header, query, parameter, ...fillTimes(idle, absolute) };
      // An unknown field is reported already, and explains more: it is likely a misspelt one of the four.
      if (context.issues.length === 0) context.issues.push({ code: 'custom', message: learnForm, input: {} });
      return z.NEVER;
    });
    return z.union([cookieName.transform((cookie) => fields.parse({ cookie })), fields], { error: learnForm });
  },
  flag: { value: 'COOKIE', schema: ({ cookieName }: FieldKinds) => cookieName, written: (cookie) => cookie },
  check(options, report) {
    checkAppCookie(options.cookie, report);
    if (options.header !== '') checkHeader(options.header, ['header'], report);
    checkTimes(options, report);
  },
  sourcesOf: (options) => partsOf(options).map(({ source }) => source),
  timesOf: (options) => options,
  tableNameOf: ({ cookie, header, query, parameter }) =>
    [cookie, header.toLowerCase(), query, parameter.toLowerCase()].join(' '),
  whyRecognised(options, request) {
    const parts = partsOf(options);
    const found = parts.filter(({ single }) => isNamedIn(single, request)).slice(0, 1);
    const texts = (found.length === 0 ? parts : found).map(({ source }) => source.text);
    return `the request brings a name in the ${texts.join(' or ')}`;
  },
  create: (options, dependencies) => new LearnAffinity(options, dependencies),
} satisfies AffinityDescriptor<LearnOptions>;

interface Part {
  readonly source: IdSource;
  /** The same options with this source alone. */
  readonly single: LearnOptions;
}

/** In the order in which the sources are looked at. */
function partsOf(options: LearnOptions): Part[] {
  const { cookie, header, query, parameter } = options;
  const none = { ...options, cookie: '', header: '', query: '', parameter: '' };
  const all: Part[] = [
    { source: cookieSource(cookie), single: { ...none, cookie } },
    { source: headerSource(header), single: { ...none, header } },
    { source: querySource(query), single: { ...none, query } },
    { source: pathParameterSource(parameter), single: { ...none, parameter } },
  ];
  return all.filter(({ single }) => single.cookie + single.header + single.query + single.parameter !== '');
}

function isNamedIn(single: LearnOptions, request: RequestHead): boolean {
  const affinity = new LearnAffinity(single, { names: { hash() {} }, lifetime: 0 });
  return affinity.recognise(request, { clientAddress: '', clientSecure: false }, 0, new Recognition());
}

export class LearnAffinity implements Affinity {
  readonly name = 'learn';
  readonly lifetime: number;
  private readonly naming: Naming;
  private readonly cookie: Uint8Array | null;
  private readonly header: string;
  private readonly query: QueryParameter | null;
  private readonly parameter: PathParameter | null;
  private readonly scan = new CookieScan();
  private readonly setCookie = new SetCookie();

  constructor({ cookie, header, query, parameter }: LearnOptions, deps: NamedDependencies) {
    this.lifetime = deps.lifetime;
    this.naming = new Naming(deps);
    this.cookie = cookie === '' ? null : Buffer.from(cookie, 'latin1');
    this.header = header.toLowerCase();
    this.query = query === '' ? null : new QueryParameter(query);
    this.parameter = parameter === '' ? null : new PathParameter(parameter);
  }

  recognise(request: RequestHead, _client: ClientFacts, now: number, recognition: Recognition): boolean {
    this.naming.begin();
    this.offerNames(request, now, recognition);
    return this.naming.recognise(this, now, recognition);
  }

  private offerNames({ headers, bytes, pathStart, pathEnd }: RequestHead, now: number, recognition: Recognition): void {
    const { naming, scan, query, parameter } = this;
    if (this.cookie !== null) {
      scan.begin(headers, this.cookie, null);
      while (scan.next()) if (naming.offer(bytes, scan.valueStart, scan.valueEnd, now, recognition)) return;
    }
    if (this.header !== '') {
      for (let i = -1; (i = nextHeader(headers, this.header, i + 1)) >= 0; )
        if (naming.offer(bytes, headers.valueStart(i), headers.valueEnd(i), now, recognition)) return;
    }
    for (let found = query?.find(bytes, pathStart, pathEnd); found; found = query!.next())
      if (naming.offer(query!.bytes, query!.start, query!.end, now, recognition)) return;
    for (let found = parameter?.find(bytes, pathStart, pathEnd); found; found = parameter!.next())
      if (naming.offer(bytes, parameter!.start, parameter!.end, now, recognition)) return;
  }

  learn(
    recognition: RecognitionView,
    { headers }: ResponseHead,
    _client: ClientFacts,
    now: number,
    learned: LearnedId,
  ): void {
    const deleted = this.cookie !== null && this.learnCookie(this.cookie, headers, now, learned);
    if (learned.state === 'named') return;
    const { naming, parameter } = this;
    if (this.header !== '') {
      for (let i = -1; (i = nextHeader(headers, this.header, i + 1)) >= 0; )
        if (naming.record(headers.bytes, headers.valueStart(i), headers.valueEnd(i), 0, learned)) return;
    }
    if (parameter !== null) {
      const i = nextHeader(headers, 'location', 0);
      if (i >= 0 && parameter.find(headers.bytes, headers.valueStart(i), headers.valueEnd(i)))
        naming.record(headers.bytes, parameter.start, parameter.end, 0, learned);
    }
    if (deleted && learned.state === 'nothing' && recognition.recognised && recognition.affinity === this)
      learned.state = 'ended';
  }

  /** True when a line deletes the cookie. Apps delete it for one path and set it for another: the last line that sets it counts. */
  private learnCookie(cookie: Uint8Array, headers: Headers, now: number, learned: LearnedId): boolean {
    let deleted = false;
    if (!headers.has(Name.setCookie)) return false;
    for (let i = headers.first(Name.setCookie); i < headers.count; i++) {
      if (headers.id(i) !== Name.setCookie || !this.setCookie.read(headers, i, cookie)) continue;
      const { valueStart, valueEnd } = this.setCookie;
      const expires = this.setCookie.expiry(now);
      if (expires < 0) deleted = true;
      else this.naming.record(headers.bytes, valueStart, valueEnd, expires, learned);
    }
    return deleted;
  }
}
