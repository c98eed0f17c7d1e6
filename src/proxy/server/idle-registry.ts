/**
 * All of a worker that keeps idle connections: when no descriptor is left, those to servers of any pool are closed for one
 * connection that is needed now.
 */

export interface IdleHolder {
  /** False: it had none. */
  closeAll(): boolean;
}

export class IdleRegistry {
  private readonly holders = new Set<IdleHolder>();

  add(holder: IdleHolder): void {
    this.holders.add(holder);
  }

  remove(holder: IdleHolder): void {
    this.holders.delete(holder);
  }

  /** False: nobody had one. */
  closeAll(): boolean {
    let closed = false;
    for (const holder of this.holders) closed = holder.closeAll() || closed;
    return closed;
  }
}
