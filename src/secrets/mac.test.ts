import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mac } from './mac.ts';

test('is HMAC-SHA-256, for secrets and texts of any length, one after the other', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 200, unit: 'binary' }),
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 5000 }), fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 5 }),
      (secret, texts) => {
        const mac = new Mac(secret);
        for (const [bytes, from, less] of texts) {
          const start = Math.min(from, bytes.length);
          const end = Math.max(start, bytes.length - less);
          const right = createHmac('sha256', Buffer.from(secret)).update(bytes.subarray(start, end)).digest('hex');
          expect(mac.digits(bytes, start, end)).toBe(right);
        }
      },
    ),
  );
});
