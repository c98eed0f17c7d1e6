import { expect, test } from 'vitest';
import { RotationProofs } from './rotation-proof.ts';

const key = (letter: string) => Buffer.alloc(32, letter);
const [from, to] = ['ab'.repeat(16), 'cd'.repeat(16)];

test('a proof holds for its pool, server and ids, and for nothing else', () => {
  const proofs = new RotationProofs([key('k')], 'shop');
  const proof = proofs.prove(5, from, to);
  expect(proof).toMatch(/^[\w-]{22}$/);
  expect(proofs.verify(proof, 5, from, to)).toBe(true);
  expect(proofs.verify(proof, 6, from, to)).toBe(false);
  expect(proofs.verify(proof, 5, to, from)).toBe(false);
  expect(proofs.verify('', 5, from, to)).toBe(false);
  expect(proofs.verify(proof.slice(1), 5, from, to)).toBe(false);
  expect(new RotationProofs([key('k')], 'blog').verify(proof, 5, from, to)).toBe(false);
});

test('keys rotate: the first makes proofs, and all verify them', () => {
  const old = new RotationProofs([key('o')], 'shop').prove(5, from, to);
  const both = new RotationProofs([key('n'), key('o')], 'shop');
  expect(both.verify(old, 5, from, to)).toBe(true);
  expect(both.prove(5, from, to)).not.toBe(old);
  expect(new RotationProofs([key('n')], 'shop').verify(old, 5, from, to)).toBe(false);
});
