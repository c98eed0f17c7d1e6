/** Trace context: the examples of the specification, and OpenTelemetry's own reader as the reference. */
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Headers } from './headers.ts';
import { formatTraceparent, TraceContext } from './trace-context.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const valid = `00-${traceId}-${parentId}-01`;

function read(...lines: readonly string[]) {
  const headers = new Headers(100);
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  expect(headers.read(bytes, 0, bytes.length), lines.join('\n')).toBe(bytes.length);
  const context = new TraceContext();
  const result = context.read(headers);
  return { result, traceId: context.traceId, parentId: context.parentId, flags: context.flags, state: context.state };
}

const invalid = { result: 'invalid', traceId: '', parentId: '', flags: 0, state: '' };

describe('traceparent', () => {
  test('of version 00', () => {
    expect(read(`traceparent: ${valid}`)).toEqual({ result: 'valid', traceId, parentId, flags: 1, state: '' });
    expect(read(`TraceParent:\t ${valid} `).result).toBe('valid');
    expect(read('host: x').result).toBe('none');
    expect(read('tracestate: a=1')).toEqual({ ...invalid, result: 'none' });
  });

  test('of a version that is not known: what stands behind the flags does not count', () => {
    expect(read(`traceparent: cc-${traceId}-${parentId}-01`)).toMatchObject({ result: 'valid', traceId, flags: 1 });
    expect(read(`traceparent: cc-${traceId}-${parentId}-01-what-the-future-will-be-like`).result).toBe('valid');
    expect(read(`traceparent: cc-${traceId}-${parentId}-01.what`)).toEqual(invalid);
    expect(read(`traceparent: cc-${traceId}-${parentId}-0100`)).toEqual(invalid);
  });

  test.each([
    '',
    'x',
    `ff-${traceId}-${parentId}-01`,
    `00-${traceId.toUpperCase()}-${parentId}-01`,
    `00-${'0'.repeat(32)}-${parentId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${parentId}-1`,
    `00-${traceId}-${parentId}-0g`,
    `00-${traceId}-${parentId}`,
    `${valid}-00`,
    `${valid}00`,
    `${valid},${valid}`,
    ` 00_${traceId}_${parentId}_01`,
  ])('is refused: %s', (value) => {
    expect(read(`traceparent: ${value}`, 'tracestate: a=1')).toEqual(invalid);
  });

  test('that is there twice is refused, even when both are the same', () => {
    expect(read(`traceparent: ${valid}`, `traceparent: ${valid}`, 'tracestate: a=1')).toEqual(invalid);
  });

  test('has the flags that are known, and 0 for all others', () => {
    for (const [flags, kept] of [
      ['00', 0],
      ['01', 1],
      ['03', 3],
      ['fe', 2],
      ['ff', 3],
    ] as const)
      expect(read(`traceparent: 00-${traceId}-${parentId}-${flags}`).flags, flags).toBe(kept);
    expect(formatTraceparent(traceId, parentId, 3)).toBe(`00-${traceId}-${parentId}-03`);
    expect(formatTraceparent(traceId, parentId, 255)).toBe(`00-${traceId}-${parentId}-ff`);
  });

  test('that another Limpet has written is read', () => {
    const id = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
    fc.assert(
      fc.property(id(32), id(16), fc.integer({ min: 0, max: 3 }), (trace, parent, flags) => {
        fc.pre(!/^0+$/.test(trace) && !/^0+$/.test(parent));
        expect(read(`traceparent: ${formatTraceparent(trace, parent, flags)}`)).toMatchObject({
          result: 'valid',
          traceId: trace,
          parentId: parent,
          flags,
        });
      }),
    );
  });

  test('is read as OpenTelemetry reads it', () => {
    const hex = fc.constantFrom(...'0123456789abcdef');
    const nearHex = fc.oneof({ weight: 60, arbitrary: hex }, fc.constantFrom('0', 'A', 'g', '-', ' ', 'f'));
    const part = (length: number) =>
      fc.oneof(
        { weight: 8, arbitrary: fc.string({ unit: hex, minLength: length, maxLength: length }) },
        { weight: 2, arbitrary: fc.string({ unit: nearHex, minLength: length - 1, maxLength: length + 1 }) },
        { weight: 1, arbitrary: fc.constant('0'.repeat(length)) },
      );
    const version = fc.oneof({ weight: 3, arbitrary: fc.constant('00') }, part(2), fc.constant('ff'));
    const tail = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom('-', '-00', 'x', '-x-y', '.'));
    fc.assert(
      fc.property(version, part(32), part(16), part(2), tail, (v, trace, parent, flags, rest) => {
        const value = `${v}-${trace}-${parent}-${flags}${rest}`;
        // Blanks at the ends belong to the header, not to its value.
        fc.pre(value.trim() === value);
        const { result, ...found } = read(`traceparent: ${value}`);
        const expected = reference(value);
        expect(result, value).toBe(expected === undefined ? 'invalid' : 'valid');
        if (expected !== undefined)
          expect(found).toMatchObject({
            traceId: expected.traceId,
            parentId: expected.spanId,
            flags: expected.traceFlags & 3,
          });
      }),
      { numRuns: 3000 },
    );
  });
});

describe('tracestate', () => {
  const stateOf = (...lines: readonly string[]) => read(`traceparent: ${valid}`, ...lines).state;

  test('of several lines is one list, in their order', () => {
    expect(stateOf('tracestate: a=1, b@v=2', 'x: y', 'TraceState: c=3')).toBe('a=1,b@v=2,c=3');
    expect(stateOf('tracestate: ', 'tracestate: ,, a=1 ,\t')).toBe('a=1');
    expect(stateOf('tracestate:')).toBe('');
    expect(stateOf('tracestate: 1ab-c_d*e/f=x y!')).toBe('1ab-c_d*e/f=x y!');
  });

  test('with a key twice has its first value: the newest stands first', () => {
    expect(stateOf('tracestate: a=1,b=2,a=3', 'tracestate: b=4,c=5')).toBe('a=1,b=2,c=5');
  });

  test.each([
    'a',
    'a=',
    '=1',
    'A=1',
    'a=1,b',
    'a=1=2',
    'a b=1',
    `${'a'.repeat(257)}=1`,
    `a=${'1'.repeat(257)}`,
    'a=\xe9',
    'a=\t1',
  ])('is dropped as a whole: %s', (value) => {
    expect(stateOf('tracestate: ok=1', `tracestate: ${value}`)).toBe('');
  });

  test('has 32 members at most', () => {
    const members = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=v`).join(',');
    expect(stateOf(`tracestate: ${members(32)}`)).toBe(members(32));
    expect(stateOf(`tracestate: ${members(33)}`)).toBe('');
    expect(stateOf(`tracestate: ${members(20)}`, `tracestate: z=1,${members(20)}`)).toBe(`${members(20)},z=1`);
    expect(stateOf(`tracestate: a=1${','.repeat(5000)}`)).toBe('');
  });
});

function reference(value: string) {
  const getter = {
    keys: () => ['traceparent'],
    get: (carrier: { readonly [name: string]: string }, name: string) => carrier[name],
  };
  const context = new W3CTraceContextPropagator().extract(ROOT_CONTEXT, { traceparent: value }, getter);
  return trace.getSpanContext(context);
}
