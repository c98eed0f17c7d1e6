/**
 * Dates as HTTP and cookies write them (RFC 9110 section 5.6.7). Cached, because most dates that are asked for are of the same
 * second or day.
 */

/** A date in the past, for cookies that are to be deleted. */
export const longAgo = 'Thu, 01 Jan 1970 00:00:00 GMT';

const daySeconds = 86_400;

let lastSecond = 0;
let lastText = longAgo;
let lastDay = 0;
let lastDayText = 'Thu, 01 Jan 1970 ';

/** `seconds`: Unix seconds, whole. */
export function httpDate(seconds: number): string {
  if (seconds === lastSecond) return lastText;
  const day = Math.floor(seconds / daySeconds);
  if (day !== lastDay) {
    lastDay = day;
    lastDayText = new Date(day * daySeconds * 1000).toUTCString().slice(0, -'00:00:00 GMT'.length);
  }
  const time = seconds - day * daySeconds;
  lastSecond = seconds;
  lastText = `${lastDayText}${two(time / 3600)}:${two((time / 60) % 60)}:${two(time % 60)} GMT`;
  return lastText;
}

function two(number: number): string {
  const whole = Math.floor(number);
  return whole < 10 ? `0${whole}` : `${whole}`;
}
