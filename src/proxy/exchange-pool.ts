/** Exchanges of one listener that are kept for reuse. */

import type { ListenerContext } from './client/listener-context.ts';
import type { ExchangeSource } from './client/request-handler.ts';
import { Exchange } from './exchange.ts';

const maxSpare = 1024;

export class ExchangePool implements ExchangeSource {
  private readonly context: ListenerContext;
  private readonly spare: Exchange[] = [];

  constructor(context: ListenerContext) {
    this.context = context;
  }

  take(): Exchange {
    return this.spare.pop() ?? new Exchange(this.context, this.give);
  }

  private readonly give = (exchange: Exchange): void => {
    if (this.spare.length < maxSpare) this.spare.push(exchange);
  };
}
