/** Values of an nginx.conf as a config has them. null: the text is no such value, or cannot be one here. */
import { parseListener } from '../../config/address.ts';
import { formatSize } from '../../config/units.ts';
import { formatAddress } from '../../net/socket.ts';
import { maxTimerMs, withPort, writeTime } from '../values.ts';

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/** Milliseconds: `1h 30m`, `500ms`, `60` seconds. */
export function parseTime(text: string | undefined): number | null {
  if (text === undefined || !/^(?:\s*[0-9]{1,9}(?:ms|[smhdwMy])?)+\s*$/.test(text)) return null;
  let sum = 0;
  for (const [, digits, unit = 's'] of text.matchAll(/([0-9]+)(ms|[smhdwMy])?/g)) {
    sum += Number(digits) * (units[unit] ?? Number.NaN);
  }
  return sum;
}

/** A time as a config has it; null for 0 too. */
export function timeOf(text: string | undefined, longestMs = maxTimerMs): string | null {
  const time = parseTime(text);
  return time === null || time === 0 ? null : writeTime(time, longestMs);
}

/** A size as a config has it, within these bounds. */
export function writeSize(bytes: number, min: number, max: number): string {
  return formatSize(Math.min(Math.max(bytes, min), max));
}

/** The address of `listen`: a port, `*:80`, `[::]:80`, or an address without a port. */
export function listenAddress(text: string): string | null {
  let full = text;
  if (/^[0-9]{1,5}$/.test(text)) full = `:${text}`;
  else if (text.startsWith('*:')) full = text.slice(1);
  else full = withPort(text, 80);
  const address = parseListener(full);
  if (address === null || (address.kind === 'tcp' && address.port === 0)) return null;
  return address.kind === 'tcp' && address.host === '0.0.0.0' ? `:${address.port}` : formatAddress(address);
}
