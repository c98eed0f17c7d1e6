/**
 * How connections to the servers of pools are encrypted. The certificates may be exchanged while the pools run. A pool whose config has
 * `tls` never gets a plain connection.
 */
import type { TlsMaterial } from '../certificates/material.ts';
import type { PoolOptions } from '../config/options.ts';
import { UsageError } from '../errors.ts';
import type { ClientTls } from '../net/tls.ts';

export class PoolTls {
  /** By name of the pool; also of pools that the config does not have any more, whose last requests are under way. */
  private readonly pools = new Map<string, ClientTls>();

  use({ pools }: TlsMaterial): void {
    for (const [name, tls] of pools) this.pools.set(name, tls);
  }

  get(pool: string): ClientTls | undefined {
    return this.pools.get(pool);
  }

  /** For the next connection. Throws UsageError when the certificates of the pool are not there. */
  of({ name }: Pick<PoolOptions, 'name'>): () => ClientTls {
    const find = (): ClientTls => {
      const tls = this.pools.get(name);
      if (tls === undefined) throw new UsageError(`pools.${name}.tls: its certificates were not loaded`);
      return tls;
    };
    find();
    return find;
  }
}
