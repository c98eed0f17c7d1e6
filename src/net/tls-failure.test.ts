import { expect, test } from 'vitest';
import { tlsFailureOf } from './tls-failure.ts';

test.each([
  ['CERT_HAS_EXPIRED', 'certificate'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate'],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'protocol'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'handshake'],
  ['EPROTO', 'handshake'],
  ['ECONNREFUSED', null],
  ['ECONNRESET', null],
  ['EMFILE', null],
])('%s: %s', (code, failure) => {
  expect(tlsFailureOf(Object.assign(new Error('x'), { code }))).toBe(failure);
});
