/**
 * Reads chunk extensions byte by byte, and keeps nothing of them (RFC 9112 section 7.1.1):
 *
 *      *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
 *
 *      ; ──> beforeName ──> name ──> afterName ── = ──> beforeValue ──> token ──> after ── ; ──> beforeName
 *                                                        └ " ─> quoted ── " ──> closed ┘
 *                                                                └ \ ─> escape
 *
 * Other readers skip malformed extensions, but do not agree where the line ends. Then they do not agree where the next chunk
 * begins, which allows request smuggling. So malformed extensions are refused here.
 */
import { EQUALS, isFieldByte, isToken, QUOTE, SEMICOLON, SP, TAB } from './bytes.ts';

const State = {
  beforeName: 0,
  name: 1,
  afterName: 2,
  beforeValue: 3,
  token: 4,
  quoted: 5,
  escape: 6,
  closed: 7,
  after: 8,
} as const;

/** The state after the semicolon that begins the first extension. */
export const extensionBegin: number = State.beforeName;

const BACKSLASH = 92;

/** The state after this byte, which is not the end of the line; -1: malformed. */
export function extensionStep(state: number, byte: number): number {
  switch (state) {
    case State.quoted:
      if (byte === QUOTE) return State.closed;
      if (byte === BACKSLASH) return State.escape;
      return isFieldByte[byte] === 1 ? State.quoted : -1;
    case State.escape:
      return isFieldByte[byte] === 1 ? State.quoted : -1;
  }
  const isSpace = byte === SP || byte === TAB;
  switch (state) {
    case State.beforeName:
      if (isSpace) return state;
      return isToken[byte] === 1 ? State.name : -1;
    case State.beforeValue:
      if (isSpace) return state;
      if (byte === QUOTE) return State.quoted;
      return isToken[byte] === 1 ? State.token : -1;
    case State.name:
      if (isToken[byte] === 1) return state;
      if (byte === EQUALS) return State.beforeValue;
      break;
    case State.afterName:
      if (byte === EQUALS) return State.beforeValue;
      break;
    case State.token:
      if (isToken[byte] === 1) return state;
      break;
  }
  if (byte === SEMICOLON) return State.beforeName;
  if (!isSpace) return -1;
  return state === State.name || state === State.afterName ? State.afterName : State.after;
}

/** The line may end here. */
export function extensionEnds(state: number): boolean {
  return state === State.name || state === State.token || state === State.closed;
}
