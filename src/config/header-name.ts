/** The name of a header of our own in requests to servers: not one that HTTP, or Limpet itself, already has a meaning for. */
import { isToken } from '../http/bytes.ts';
import { text } from './fields.ts';

const reserved =
  /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-connection|cookie|forwarded|x-forwarded-.*|limpet-.*)$/i;

/** '' for none. */
export const headerName = text(
  'header name',
  'a header name such as X-Client-Subject, and not one of HTTP, X-Forwarded-* or Limpet-*',
  (name) =>
    name.length <= 256 && Array.from(name).every((char) => isToken[char.charCodeAt(0)] === 1) && !reserved.test(name)
      ? name
      : null,
);
