import { describe, expect, test } from 'vitest';
import { encodeHealthRequest, problemOfAnswer } from './grpc.ts';

const head = new Map([['content-type', 'application/grpc']]);
const ok = new Map([...head, ['grpc-status', '0']]);
const message = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

test('a request names its service, and the whole server by nothing', () => {
  expect(encodeHealthRequest('').toString('hex')).toBe('0000000000');
  expect(encodeHealthRequest('a.B').toString('hex')).toBe('0000000005' + '0a03612e42');
  const long = encodeHealthRequest('x'.repeat(200));
  expect([long.readUInt32BE(1), long.subarray(5, 8).toString('hex')]).toEqual([203, '0ac801']);
});

describe('an answer', () => {
  test.each([
    ['SERVING', ok, message(8, 1), null],
    ['SERVING, with fields that are not known', ok, message(0x12, 2, 1, 2, 8, 1, 0x18, 5), null],
    ['NOT_SERVING', ok, message(8, 2), 'the service is NOT_SERVING'],
    ['UNKNOWN, which is not sent', ok, message(), 'the service is UNKNOWN'],
    ['SERVICE_UNKNOWN', ok, message(8, 3), 'the service is SERVICE_UNKNOWN'],
    ['a later status', ok, message(8, 9), 'the service is 9'],
    ['no message', ok, Buffer.alloc(0), 'the answer is not a HealthCheckResponse'],
    ['a cut message', ok, message(8, 1).subarray(0, 6), 'the answer is not a HealthCheckResponse'],
    ['a compressed one', ok, Buffer.from([1, 0, 0, 0, 2, 8, 1]), 'the answer is not a HealthCheckResponse'],
    ['a text beyond the end', ok, message(0x12, 9), 'the answer is not a HealthCheckResponse'],
    ['a number without an end', ok, message(8, 0x81), 'the answer is not a HealthCheckResponse'],
    [
      'UNIMPLEMENTED',
      new Map([...head, ['grpc-status', '12']]),
      Buffer.alloc(0),
      'the server has no gRPC health checking (grpc-status 12, UNIMPLEMENTED)',
    ],
    [
      'NOT_FOUND',
      new Map([...head, ['grpc-status', '5']]),
      Buffer.alloc(0),
      'the server does not know the service "shop" (grpc-status 5, NOT_FOUND)',
    ],
    ['another error', new Map([...head, ['grpc-status', '14']]), Buffer.alloc(0), 'grpc-status 14'],
    ['no grpc-status', head, message(8, 1), 'the answer has no grpc-status'],
    ['no gRPC', new Map([['grpc-status', '0']]), message(8, 1), 'the answer is not gRPC'],
  ])('%s', (_, fields, body, problem) => {
    expect(problemOfAnswer({ status: 200, fields, body }, 'shop')).toBe(problem);
  });

  test('of another status', () => {
    expect(problemOfAnswer({ status: 404, fields: ok, body: message(8, 1) }, '')).toBe('status 404');
  });
});
