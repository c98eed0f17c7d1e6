/** The value of Strict-Transport-Security as the field `hsts` of a listener. */

const day = 86_400;
const year = 365 * day;

/** `max-age=31536000; includeSubDomains`; null: the header is another one, or its value is none. */
export function hstsOf(name: string, value: string): string | Readonly<Record<string, unknown>> | null {
  if (name.toLowerCase() !== 'strict-transport-security') return null;
  const directives = value.split(';').map((one) => one.trim().toLowerCase());
  const text = /^max-age="?(\d{1,10})"?$/.exec(directives.find((one) => one.startsWith('max-age')) ?? '')?.[1];
  if (text === undefined) return null;
  const seconds = Math.min(Number(text), 100 * year);
  const includeSubdomains = directives.includes('includesubdomains');
  // Browsers take no shorter one into their lists.
  const preload = includeSubdomains && directives.includes('preload') && seconds >= year;
  const maxAge = timeOf(seconds);
  return includeSubdomains ? { maxAge, includeSubdomains, ...(preload && { preload }) } : maxAge;
}

function timeOf(seconds: number): string {
  if (seconds > 0 && seconds % year === 0) return `${seconds / year}y`;
  if (seconds >= day) return `${Math.floor(seconds / day)}d`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return (
    `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${seconds % 60 > 0 ? `${seconds % 60}s` : ''}` ||
    '0s'
  );
}
