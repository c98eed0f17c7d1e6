/**
 * All counters of one process in one flat array of numbers: counting is one addition, and the array may lie in
 * memory that several threads see.
 *
 *     values: [ the rows of `table`, in order ][ requests_refused_<code>, one per fault of errors.ts ]
 */
import { type Fault, faults } from '../errors.ts';

/** counter: only goes up. gauge: how many there are now. */
export type CounterKind = 'counter' | 'gauge';

/** Dashboards and alerts use these names: a change goes into the changelog. Bytes count bodies and heads on the client's side. */
const table = [
  ['connections_accepted', 'counter', 'Client connections accepted.'],
  ['connections_refused', 'counter', 'Client connections reset at once: the limit was reached or the balancer stops.'],
  ['connections_open', 'gauge', 'Client connections open now.'],
  ['connections_shed', 'counter', 'Client connections refused because descriptors run short.'],
  ['connections_evicted', 'counter', 'Idle client connections closed for a new one because descriptors run short.'],
  [
    'certificate_values_dropped',
    'counter',
    "Values of a client's certificate that servers do not get, because they are longer than a header may be.",
  ],
  ['requests', 'counter', 'Request heads read, the refused ones included.'],
  ['responses_1xx', 'counter', 'Interim responses sent to clients, and switches of protocol.'],
  ['responses_2xx', 'counter', 'Successful responses sent to clients.'],
  ['responses_3xx', 'counter', 'Redirections sent to clients.'],
  ['responses_4xx', 'counter', 'Client errors sent to clients, those made by the balancer included.'],
  ['responses_5xx', 'counter', 'Server errors sent to clients, those made by the balancer included.'],
  ['retries', 'counter', 'Requests sent once more: to another server, or over a fresh connection.'],
  ['rebinds', 'counter', 'Sessions that got another owner because theirs had failed.'],
  [
    'claims_returned',
    'counter',
    'Sessions that stayed with their former owner, because the server that was to have them took no request.',
  ],
  ['sessions_new', 'counter', 'Sessions begun by a cookie of ours.'],
  ['sessions_learned', 'counter', 'Sessions that a response of the app named.'],
  ['sessions_adopted', 'counter', 'Names that the table did not know, bound to a server at their first request.'],
  [
    'owners_postponed',
    'counter',
    'New names of sessions that were not recorded in the store of the fleet at once: more than fleet.newKeys in a second.',
  ],
  [
    'owners_unrecorded',
    'counter',
    'Requests and responses that went on although the store of the fleet could not record who owns their session (whenStoreLost: keep).',
  ],
  [
    'claims_held',
    'counter',
    'Claims that the store of the fleet has refused once, because another balancer had just claimed the session, or was using it.',
  ],
  ['moves_told', 'counter', 'Moves and ends of sessions that the store of the fleet has told.'],
  [
    'moves_missed',
    'counter',
    'Times that moves by other balancers may have been missed, and the store was asked about each session (fleet.history).',
  ],
  ['sessions_ended', 'counter', 'Sessions that the app ended.'],
  [
    'sessions_moved',
    'counter',
    'Sessions that left their owner while it lived: drained, full, or with too many of them.',
  ],
  ['sessions_rotated', 'counter', 'Sessions that go on under another id.'],
  ['sessions_evicted', 'counter', 'Sessions forgotten before their time because the table was full.'],
  [
    'probes',
    'counter',
    'Requests that were liveness or readiness probes of a listener (`probes`), and went to no server.',
  ],
  ['workers_replaced', 'counter', 'Worker threads that failed, and were started anew.'],
  ['reloads', 'counter', 'Configs taken over while running.'],
  ['clock_steps', 'counter', "Steps of the machine's clock. Sessions are timed by a clock that does not step."],
  ['clock_ahead', 'counter', 'Tokens dated by a clock that is ahead by more than a minute, and dated anew.'],
  ['sessions_valid', 'counter', 'Requests that carried a valid session.'],
  ['tokens_invalid', 'counter', 'Tokens that did not verify, and counted as absent.'],
  [
    'tokens_foreign',
    'counter',
    'Tokens of another pool, or of a key that is not known: another Limpet has a cookie of the same name. They counted as absent.',
  ],
  ['tokens_expired', 'counter', 'Tokens beyond their idle or absolute time.'],
  [
    'keys_beyond_limit',
    'counter',
    'Requests that brought more for their session than is tried: many values of its cookie, or a path too long to be searched.',
  ],
  ['cookies_foreign', 'counter', 'Cookies of the name of ours that servers have set, and that were removed.'],
  ['cookies_limited', 'counter', 'Cookies for which a server has asked for more than cookie.app allows.'],
  ['workers_hung', 'counter', 'Worker threads that had stopped turning, and were ended and started anew.'],
  ['queued', 'counter', 'Requests that had to wait for a server with room.'],
  [
    'stale_view_waits',
    'counter',
    'Requests whose owner seemed lost while their worker had a stale view of the servers, and that waited for a current one.',
  ],
  ['queue_depth', 'gauge', 'Requests waiting now.'],
  ['names_changed', 'counter', 'Times that a name of servers had other addresses than before.'],
  ['names_failed', 'counter', 'Look-ups of names of servers that found nothing, or got no answer.'],
  ['addresses_dropped', 'counter', 'Addresses of names beyond resolver.maxAddresses.'],
  ['upstream_connects', 'counter', 'Connections made to servers.'],
  ['connecting', 'gauge', 'Connections to servers being made now.'],
  ['connecting_full', 'counter', 'Requests that had to wait because too many connections to servers were being made.'],
  [
    'shortages_connect',
    'counter',
    'Connections to servers, checks included, that this machine could not make: out of descriptors, local ports or memory.',
  ],
  ['shortages_accept', 'counter', 'Client connections that this machine could not accept, for the same reasons.'],
  ['upstream_reused', 'counter', 'Requests sent over a pooled connection.'],
  ['upstream_stale', 'counter', 'Pooled connections that the server had closed when they were to be used.'],
  [
    'upstream_refused',
    'counter',
    'Requests that a server has not begun with (HTTP/2: REFUSED_STREAM, GOAWAY), and that can be sent again.',
  ],
  ['upstream_pipelined', 'counter', 'Requests sent to a server behind others that it had not answered.'],
  [
    'upstream_requeued',
    'counter',
    'Pipelined requests sent once more because the answer before theirs did not come quickly.',
  ],
  [
    'upstream_misframed',
    'counter',
    'Times that a server broke the framing of HTTP: bytes that answer nothing, or that are no response.',
  ],
  ['aborted_by_client', 'counter', 'Exchanges that ended because the client went away.'],
  [
    'responses_early',
    'counter',
    'Final responses that began before the request was whole, those made by the balancer included.',
  ],
  ['linger_bytes', 'counter', 'Bytes of requests that were read and dropped because their answer had been sent.'],
  [
    'linger_exceeded',
    'counter',
    'Connections closed while the client sent a request that had been answered: limits.lingerBytes or timeouts.linger.',
  ],
  ['tunnels_open', 'gauge', 'Upgraded connections (WebSocket) open now.'],
  ['tunnels', 'counter', 'Upgraded connections made.'],
  [
    'kept_bytes',
    'gauge',
    'Bytes kept in memory for slow clients and servers, and for repeats: limits.keptBytes bounds them.',
  ],
  ['kept_bytes_exceeded', 'counter', 'Times that limits.keptBytes was reached, and connections were ended for it.'],
  [
    'access_lines_dropped',
    'counter',
    'Lines of the access log that were lost: nobody read them, or they could not be written.',
  ],
  [
    'request_ids_refused',
    'counter',
    'Ids of requests that did not count although requestId.accept allows them: malformed, too long or several.',
  ],
  ['traceparents_refused', 'counter', 'Requests whose traceparent is malformed, or there more than once.'],
  ['spans_exported', 'counter', 'Spans that the collector has taken.'],
  [
    'spans_dropped',
    'counter',
    'Spans that were lost: the collector did not take them in time, or more than tracing.export.queue waited for it.',
  ],
  ['events_dropped', 'counter', 'Events of sessions that were left out, because there were too many in a second.'],
  ['log_lines_dropped', 'counter', 'Lines of the program’s own log that could not be written.'],
  ['certificates_renewed', 'counter', 'Times that changed files of certificates were taken over.'],
  [
    'certificates_refused',
    'counter',
    'Times that changed files of certificates could not be used: the former ones stayed.',
  ],
  ['tls_handshakes', 'counter', 'TLS handshakes of clients that were completed.'],
  ['tls_handshakes_resumed', 'counter', 'Those of them that resumed the session of an earlier connection.'],
  [
    'tls_handshakes_failed',
    'counter',
    'TLS handshakes that failed, or whose client left. The debug log has the reasons.',
  ],
  ['tls_handshakes_timed_out', 'counter', 'TLS handshakes ended by timeouts.handshake.'],
  ['h2_connections', 'counter', 'HTTP/2 connections of clients.'],
  ['h2_streams', 'counter', 'Requests that came over HTTP/2.'],
  ['h2_resets', 'counter', 'Requests over HTTP/2 that the client reset, or that ended by its error.'],
  ['h2_timeouts', 'counter', 'HTTP/2 connections ended because a frame or header block did not come in time.'],
  [
    'h2_connection_errors',
    'counter',
    'HTTP/2 connections ended because the client broke the protocol, or a limit of it.',
  ],
  // In the order of http/h2/abuse.ts.
  ['h2_limit_resets', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.resets.'],
  ['h2_limit_forced_resets', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.forcedResets.'],
  ['h2_limit_refused_streams', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.refusedStreams.'],
  ['h2_limit_pings', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.pings.'],
  ['h2_limit_settings', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.settings.'],
  ['h2_limit_empty_frames', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.emptyFrames.'],
  ['h2_limit_window_updates', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.windowUpdates.'],
  ['h2_limit_priorities', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.priorities.'],
  ['h2_limit_continuations', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.continuations.'],
  ['h2_limit_closed_stream_frames', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.closedStreamFrames.'],
  ['h2_limit_goaways', 'counter', 'HTTP/2 connections ended by limits.h2.perMinute.goaways.'],
  ['bytes_in', 'counter', 'Bytes received from clients.'],
  ['bytes_out', 'counter', 'Bytes sent to clients.'],
  ['copies_stored', 'counter', 'States of sessions that the store has taken.'],
  ['copies_superseded', 'counter', 'States that were not newer than the copy that was there.'],
  ['copies_fenced', 'counter', 'States refused because another server owns the session, or it has ended.'],
  ['copies_failed', 'counter', 'States that the store could not take.'],
  ['copies_degraded', 'counter', 'Answers that passed although the store had failed.'],
  ['copies_dropped', 'counter', 'States that were not kept because replication is none.'],
  [
    'copies_delayed',
    'counter',
    'Answers that waited for the store although replication is async: too many copies were under way.',
  ],
  [
    'copies_evicted',
    'counter',
    'Copies of sessions that never came back, forgotten because the memory store was full.',
  ],
  ['copies_lag', 'gauge', 'Copies under way for answers that have left already.'],
  ['copies_refused', 'counter', 'Responses refused because what they said of a session cannot be understood.'],
  [
    'copies_lost',
    'counter',
    'Copies that the store had taken, and did not have when they were needed, or only in an older version.',
  ],
  ['endings', 'counter', 'Ends of sessions that the store could not take at once.'],
  ['endings_pending', 'gauge', 'Ended sessions of which the store has yet to be told.'],
  ['endings_refused', 'counter', 'Ends of sessions refused because too many of them waited for the store.'],
  ['endings_unsaved', 'counter', 'Ends that wait for the store and could not be written to the state folder.'],
  ['claims', 'counter', 'Ownerships that the store has confirmed.'],
  ['claims_lost', 'counter', 'Ownerships that turned out to be somebody else’s.'],
  ['claims_failed', 'counter', 'Ownerships that the store could not confirm.'],
  ['sessions_queried', 'counter', 'Sessions that the table did not know, looked for in the store.'],
  ['ejections', 'counter', 'Servers taken out because of what traffic saw.'],
  ['panic_choices', 'counter', 'Servers chosen while most looked down and none of it was believed.'],
] as const satisfies readonly (readonly [name: string, kind: CounterKind, help: string])[];

export type CounterName = (typeof table)[number][0];

/** Place of each counter: `counters.add(counter.requests)`. */
export const counter = Object.freeze(Object.fromEntries(table.map(([name], index) => [name, index]))) as Readonly<
  Record<CounterName, number>
>;

export interface CounterRow {
  readonly name: string;
  readonly kind: CounterKind;
  readonly help: string;
}

/** Every counter at its place in the array, with its description. */
export const counterRows: readonly CounterRow[] = [
  ...table.map(([name, kind, help]) => ({ name, kind, help })),
  ...faults.map((fault) => ({
    name: `requests_refused_${fault.code.replaceAll('-', '_')}`,
    kind: 'counter' as const,
    help: `Exchanges that failed: ${fault.text}`,
  })),
];

export class Counters {
  readonly values: Float64Array;

  /** Counts into `values` when given: `counterRows.length` numbers, written by this thread only. */
  constructor(values: Float64Array = new Float64Array(counterRows.length)) {
    if (values.length !== counterRows.length) throw new Error(`${counterRows.length} counters need as many numbers`);
    this.values = values;
  }

  /** `index` is one of `counter`; a gauge goes down by a negative `by`. */
  add(index: number, by = 1): void {
    this.values[index]! += by;
  }

  /** One exchange failed for this reason. */
  refused(fault: Fault): void {
    this.values[table.length + fault.index]! += 1;
  }

  /** A response was sent to a client. A status outside of 100 to 599 counts as 5xx (RFC 9110 section 15). */
  responded(status: number): void {
    const group = status >= 100 && status < 600 ? Math.floor(status / 100) : 5;
    this.values[counter.responses_1xx + group - 1]! += 1;
  }

  /** All counters by name, in the order of the table. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(counterRows.map(({ name }, index) => [name, this.values[index] ?? 0]));
  }
}
