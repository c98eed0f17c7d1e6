import { beforeAll, describe } from 'vitest';
import { findProgram, onContinuousIntegration } from '../../test/support/programs.ts';
import { RedisServer } from '../../test/support/redis.ts';
import { openRedisStage } from '../../test/support/redis-stage.ts';
import { testCases } from '../../test/support/store-suite.ts';

describe.skipIf(findProgram('redis') === undefined && !onContinuousIntegration())('with redis-server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
    return () => server.kill();
  });
  testCases('redis', { open: () => openRedisStage(server.url), modelRuns: 60 });
});
