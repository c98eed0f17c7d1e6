import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { balancerFaults, type Fault, faults, requestFaults, serverFaults } from '../../errors.ts';
import { errorBody } from './error-page.ts';

const { noServer } = balancerFaults;
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

function kindFor(accept: string | null): string {
  const { type } = errorBody(noServer, accept);
  return type.slice(0, type.includes(';') ? type.indexOf(';') : undefined);
}

describe('the form follows Accept', () => {
  test.each([
    [null, 'text/plain'],
    ['', 'text/plain'],
    ['*/*', 'text/plain'],
    [browser, 'text/html'],
    ['application/json', 'application/json'],
    ['application/json, text/plain, */*', 'application/json'],
    ['text/plain, application/json', 'text/plain'],
    ['text/html;q=0.5, application/json', 'application/json'],
    ['text/html, application/json;q=0.9', 'text/html'],
    ['application/json;q=0.9, */*;q=0.1', 'application/json'],
    ['application/json;q=0.2, */*;q=0.9', 'text/plain'],
    ['text/*', 'text/plain'],
    ['text/*;q=0.5, text/html', 'text/html'],
    ['text/html;q=0, text/*', 'text/plain'],
    ['text/plain;q=0, */*', 'text/html'],
    ['application/*', 'application/json'],
    ['application/problem+json', 'application/json'],
    ['image/svg+json', 'text/plain'],
    ['TEXT/HTML ; charset=utf-8 ; Q=0.8 , application/json ; q=0.3', 'text/html'],
    ['application/json;q=2, text/html;q=0.1', 'text/html'],
    ['application/json;q=high', 'text/plain'],
    ['application/json;q=0', 'text/plain'],
    ['text/event-stream', 'text/plain'],
    [',;,=;q', 'text/plain'],
  ])('%j: %s', (accept, type) => {
    expect(kindFor(accept)).toBe(type);
  });

  test('what stands behind 32 ranges, or behind seven parameters, does not count', () => {
    expect(kindFor(`${'image/png, '.repeat(31)}text/html`)).toBe('text/html');
    expect(kindFor(`${'image/png, '.repeat(32)}text/html`)).toBe('text/plain');
    expect(kindFor(`text/html${';a=b'.repeat(6)};q=0, */*`)).toBe('text/plain');
    expect(kindFor(`text/html${';a=b'.repeat(7)};q=0, */*;q=0.5`)).toBe('text/html');
  });

  test('any other text is answered too', () => {
    const piece = fc.constantFrom('text/', '*', '/', 'html', 'application/json', ';', 'q=', '0.', '1', ',', ' ', '"');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect(['text/plain', 'text/html', 'application/json']).toContain(kindFor(pieces.join('')));
      }),
    );
  });
});

describe('the body', () => {
  test('as JSON', () => {
    const { body } = errorBody(noServer, 'application/json');
    expect(JSON.parse(body.toString())).toEqual({ error: 'no-server', status: 503, message: noServer.text });
  });

  test('as text', () => {
    expect(errorBody(noServer, null).body.toString()).toBe(
      '503 Service Unavailable (no-server)\nNo server is available at the moment.\n',
    );
  });

  test('as page: what happened, its code, and whether to try again', () => {
    const page = (fault: Fault) => errorBody(fault, browser).body.toString();
    expect(page(noServer)).toContain('<title>503 Service Unavailable</title>');
    expect(page(noServer)).toContain('<p>No server is available at the moment. Please try again in a moment.</p>');
    expect(page(noServer)).toContain('503 &middot; no-server');
    expect(page(requestFaults.badHost)).not.toContain('try again');
  });

  test.each(faults.map((fault) => [fault.code, fault] as const))(
    'of %s: small, self-contained, well formed',
    (_, fault) => {
      const page = errorBody(fault, browser).body;
      expect(page.length).toBeLessThan(2048);
      expect(page.toString()).not.toMatch(/\b(?:src|href)=|url\(|https?:|<script/);
      expect(page.toString()).toContain(String(fault.status));
      expect(JSON.parse(errorBody(fault, 'application/json').body.toString())).toMatchObject({ status: fault.status });
    },
  );

  test('is made once', () => {
    expect(errorBody(noServer, browser)).toBe(errorBody(noServer, 'text/html'));
    expect(errorBody(noServer, browser)).not.toBe(errorBody(noServer, null));
    expect(errorBody(serverFaults.badResponse, browser)).not.toBe(errorBody(noServer, browser));
  });

  test('has the status of a fault of the user’s choice', () => {
    const chosen: Fault = { ...balancerFaults.ownerDown, status: 404 };
    expect(errorBody(chosen, null).body.toString()).toMatch(/^404 Not Found \(owner-down\)/);
    expect(errorBody(balancerFaults.ownerDown, null).body.toString()).toMatch(/^503 /);
  });
});

describe('a request id', () => {
  test('stands in every form, and not in the next body', () => {
    for (const accept of [browser, null, 'application/json']) {
      expect(errorBody(noServer, accept, 'req-7').body.toString()).toContain('req-7');
      expect(errorBody(noServer, accept).body.toString()).not.toContain('req-7');
    }
  });

  test('can do no harm, whatever it is', () => {
    const hostile = `</small><script>"'&\r\n\x1b[2J\u2028`;
    const page = errorBody(noServer, browser, hostile).body.toString();
    expect(page).toContain('&lt;/small&gt;&lt;script&gt;&quot;&#39;&amp;??');
    expect(page).not.toContain('<script');
    expect(errorBody(noServer, null, hostile).body.toString()).toMatch(/^[\x20-\x7e\n]*$/);
    expect(errorBody(noServer, null, hostile).body.toString().split('\n')).toHaveLength(4);
    expect(JSON.parse(errorBody(noServer, 'application/json', hostile).body.toString())).toMatchObject({
      requestId: hostile,
    });
    expect(errorBody(noServer, browser, 'x'.repeat(10_000)).body.length).toBeLessThan(2048 + 128);
  });
});
