/** A worker's context on a network without a kernel, for tests of one piece of the proxy. */
import { noSessionEvents } from '../../src/events/session-events.ts';
import { Counters } from '../../src/metrics/counters.ts';
import { ExchangeStats } from '../../src/metrics/exchange-stats.ts';
import { Descriptors } from '../../src/net/descriptors.ts';
import { BufferBudget } from '../../src/proxy/buffer-budget.ts';
import { WorkerContext, type WorkerContextOptions } from '../../src/proxy/worker-context.ts';
import { systemClock } from '../../src/time/clock.ts';
import { Wheel } from '../../src/time/wheel.ts';
import { FakeNet } from './fake-net.ts';

/** What is left out: the machine's clock, a budget of 1 MiB, no logs, and a network that connects to nobody. */
export function createWorkerContext(given: Partial<WorkerContextOptions> = {}): WorkerContext {
  const { net = new FakeNet(), wheel = new Wheel(1000), counters = new Counters() } = given;
  return new WorkerContext({
    net,
    clock: systemClock,
    wheel,
    counters,
    // Servers of a test have small slots.
    stats: ExchangeStats.single(64),
    buffers: new BufferBudget(2 ** 20, wheel, counters, (run) => net.afterTurn(run)),
    descriptors: Descriptors.single(),
    reportShortage() {},
    accessLog: null,
    debug: null,
    events: noSessionEvents,
    tracing: null,
    ...given,
  });
}
