import { describe, expect, test } from 'vitest';
import { balancerFaults, faults, serverFaults } from '../../errors.ts';
import { encodeMessage, grpcErrorLines, grpcStatusOf, isGrpcRequest } from './grpc-error.ts';

describe('a request is one of gRPC', () => {
  const head = (...lines: string[]) => Buffer.from(`POST /a.B/C HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);

  test.each([
    ['content-type: application/grpc', true],
    ['content-type: application/grpc+proto', true],
    ['content-type: application/grpc;charset=utf-8', true],
    ['content-type: application/grpc-web', false],
    ['content-type: application/grpc-web+proto', false],
    ['content-type: application/json', false],
    ['x-content-type: application/grpc', false],
    ['accept: application/grpc', false],
    ['x: content-type: application/grpc', false],
  ])('%s: %s', (line, expected) => {
    expect(isGrpcRequest(head('host: x', line))).toBe(expected);
    expect(isGrpcRequest(head('host: x', line, 'te: trailers'))).toBe(expected);
  });

  test('not when the head ends in the middle of the type', () => {
    expect(isGrpcRequest(Buffer.from('POST / HTTP/1.1\r\ncontent-type: application/grpc'))).toBe(false);
  });
});

describe('the status of gRPC', () => {
  test.each([
    [400, 13],
    [404, 12],
    [408, 2],
    [413, 8],
    [417, 2],
    [429, 14],
    [431, 8],
    [499, 2],
    [501, 12],
    [502, 14],
    [503, 14],
    [504, 4],
    [505, 2],
  ])('for %d is %d', (status, expected) => {
    expect(grpcStatusOf(status)).toBe(expected);
  });

  test('is never OK', () => {
    expect(faults.filter(({ status }) => grpcStatusOf(status) === 0)).toEqual([]);
  });
});

describe('the lines', () => {
  test('say the fault, and when to try again', () => {
    expect(grpcErrorLines(balancerFaults.noServer, 'now')).toBe(
      'Content-Type: application/grpc\r\nGrpc-Status: 14\r\nGrpc-Message: No server is available at the moment. (no-server)\r\n' +
        'Date: now\r\nCache-Control: no-store\r\nLimpet-Reason: no-server\r\nRetry-After: 2\r\n',
    );
    expect(grpcErrorLines(serverFaults.responseTimeout, 'now')).not.toContain('Retry-After');
  });

  test('have no byte in the message that is not printable ASCII', () => {
    expect(encodeMessage('100% wahr, größer\r\nX: y~ 😀')).toBe(
      '100%25 wahr, gr%C3%B6%C3%9Fer%0D%0AX: y~ %F0%9F%98%80',
    );
    const text = ' !"#$&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~';
    expect(encodeMessage(text)).toBe(text);
  });

  test.each(faults.map((fault) => [fault.code, fault] as const))('of %s: one field each', (_, fault) => {
    for (const line of grpcErrorLines(fault, 'now').trimEnd().split('\r\n')) expect(line).toMatch(/^[\w-]+: [ -~]+$/);
  });
});
