/** Values of manifests as a config has them. null: the text is no such value, or cannot be one here. */
import { isIPv4, isIPv6 } from 'node:net';
import { isHostName } from '../../config/address.ts';
import { durationPattern, formatDuration, parseDuration } from '../../config/units.ts';
import { isPath, maxAgeMs, maxTimerMs, parseWhole, writeTime } from '../values.ts';

/** A duration of the Gateway API as the age of a session; null for 0 too. */
export function ageOf(text: string | null): string | null {
  const time = parseDuration(text ?? '');
  return time > 0 && time <= maxAgeMs ? formatDuration(time) : null;
}

/** Milliseconds of a result of `ageOf`. */
export const lengthOf = parseDuration;

/** A duration of the Gateway API as a timeout; 0 is `off`. */
export function timerOf(text: string | null): string | null {
  if (text === null || !durationPattern.test(text)) return null;
  const time = parseDuration(text);
  return time <= maxTimerMs ? writeTime(time) : null;
}

/** A number of seconds, at least one, as the age of a session. */
export function secondsOf(text: string | null): string | null {
  const seconds = parseWhole(text, 1, maxAgeMs / 1000);
  return seconds === null ? null : formatDuration(seconds * 1000);
}

/** The host of a rule: exact, a domain with `*.`, or '' for any. */
export function hostOf(text: string): string | null {
  const host = text.toLowerCase();
  return host === '' || isHostName(host.replace(/^\*\./, '')) || isIPv4(host) ? host : null;
}

/** The path without slashes at its end. */
export function pathOf(text: string): string | null {
  return isPath(text) ? text.replace(/(?<=.)\/+$/, '') : null;
}

/** The literal text with which a regular expression begins, cut to whole segments, because routes match whole segments. */
export function literalPrefix(pattern: string): string {
  const [, plain = '', rest = ''] = /^\^?([^\\^$.|?*+()[\]{}]*)(.*)$/s.exec(pattern) ?? [];
  // Such as (/|$)(.*): the segment is complete.
  if (rest === '' || /^\$|^\((?:\?:)?[/$|]/.test(rest)) return plain;
  // The character before ? * or { is optional.
  const sure = /^[?*{]/.test(rest) ? plain.slice(0, -1) : plain;
  return plain.endsWith('/') && sure.length > 0 ? sure : sure.slice(0, sure.lastIndexOf('/') + 1);
}

/** `host:port` */
export function addressOf(host: string, port: number): string | null {
  if (isIPv6(host)) return `[${host.toLowerCase()}]:${port}`;
  return isIPv4(host) || isHostName(host) ? `${host.toLowerCase()}:${port}` : null;
}
