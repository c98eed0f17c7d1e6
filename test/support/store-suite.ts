/** Runs the cases and the model of stores in vitest, for one implementation. */
import { afterAll, describe, test } from 'vitest';
import { cases, type Stage } from './store-contract.ts';
import { checkAgainstModel } from './store-model.ts';
import { userCases } from './store-user-cases.ts';

export interface StoreUnderTest {
  /** An empty store. What it leaves behind is the caller's to remove. */
  readonly open: () => Promise<Stage>;
  readonly modelRuns: number;
  /** After the last test. */
  readonly close?: () => Promise<void>;
}

export function testCases(name: string, { open, modelRuns, close }: StoreUnderTest): void {
  describe(name, () => {
    if (close !== undefined) afterAll(close);
    for (const one of [...cases, ...userCases]) {
      test(one.name, async () => {
        const stage = await open();
        try {
          await one.run(stage);
        } finally {
          await stage.store.close();
        }
      });
    }
    test('answers as the model does, whatever is asked', async () => {
      const stage = await open();
      try {
        await checkAgainstModel(stage, modelRuns);
      } finally {
        await stage.store.close();
      }
    });
  });
}
