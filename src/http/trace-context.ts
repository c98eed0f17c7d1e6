/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to, as one service tells the next.
 *
 *      traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *                   version   trace id                parent id    flags
 *      tracestate: vendor1=opaque, vendor2=opaque
 */
import { equalsIgnoreCase } from './bytes.ts';
import type { Headers } from './headers.ts';
import { Name } from './names.ts';

/** The bit of `flags` by which the caller says that it may have recorded the trace. */
export const sampledFlag = 1;
/** Those that are passed on: the second is of level 2 (the trace id is random). All others are set to 0 (section 3.2.2.5). */
const knownFlags = 3;

/** Section 3.3.1.1: the most members of tracestate, empty ones not counted. */
const maxMembers = 32;
/** The same with empty ones, in one line. */
const maxPieces = 2 * maxMembers;

/** A version that is not known may have more behind the flags (section 3.2.4); ff is never one. */
const parentForm = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const parentLength = 55;
/** One member of tracestate; level 2 allows any key that level 1 does. */
const memberForm = /^([a-z0-9][a-z0-9_*/@-]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** What a request says of its trace. Filled anew for each request. */
export class TraceContext {
  /** 32 hex digits; '' when it says nothing that is valid. */
  traceId = '';
  /** 16 hex digits: the span of the caller. */
  parentId = '';
  flags = 0;
  /** The members of tracestate; '' when there are none, or one of them is not valid. */
  state = '';

  clear(): void {
    this.traceId = this.parentId = this.state = '';
    this.flags = 0;
  }

  /** invalid: there is a traceparent that cannot be used, or there are several. Without a valid one tracestate is not read (section 4.3). */
  read(headers: Headers): 'none' | 'valid' | 'invalid' {
    this.clear();
    let parent = '';
    let hasState = false;
    for (let i = 0; i < headers.count; i++) {
      if (headers.id(i) !== Name.other || headers.isDropped(i)) continue;
      if (isNamed(headers, i, 'traceparent')) {
        if (parent !== '') return 'invalid';
        parent = headers.value(i);
        if (parent === '') return 'invalid';
      } else hasState ||= isNamed(headers, i, 'tracestate');
    }
    if (parent === '') return 'none';
    const [, version, traceId = '', parentId = '', flags = ''] = parentForm.exec(parent) ?? [];
    if (version === undefined || (version === '00' && parent.length !== parentLength)) return 'invalid';
    this.traceId = traceId;
    this.parentId = parentId;
    this.flags = Number.parseInt(flags, 16) & knownFlags;
    if (hasState) this.state = stateOf(headers);
    return 'valid';
  }
}

/** Of version 00, which is what a later version becomes here (section 4.3). */
export function formatTraceparent(traceId: string, parentId: string, flags: number): string {
  return `00-${traceId}-${parentId}-${flags < 16 ? '0' : ''}${flags.toString(16)}`;
}

/**
 * All lines as one list, in their order. A key that is there twice counts as it stands first, which is its newest value. With too many
 * members, or one that is not valid, all are dropped (section 3.3.1).
 */
function stateOf(headers: Headers): string {
  const members = new Map<string, string>();
  for (let i = 0; i < headers.count; i++) {
    if (headers.isDropped(i) || !isNamed(headers, i, 'tracestate')) continue;
    const pieces = headers.value(i).split(',', maxPieces + 1);
    if (pieces.length > maxPieces) return '';
    for (const piece of pieces) {
      const member = piece.trim();
      if (member === '') continue;
      const key = memberForm.exec(member)?.[1];
      if (key === undefined) return '';
      if (!members.has(key)) members.set(key, member);
      if (members.size > maxMembers) return '';
    }
  }
  return [...members.values()].join(',');
}

function isNamed(headers: Headers, i: number, lower: string): boolean {
  return equalsIgnoreCase(headers.bytes, headers.lineStart(i), headers.nameEnd(i), lower);
}
