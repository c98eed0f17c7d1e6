/** A gate that all requests of the run pass: it can be shut, so that nothing is under way at the moment when a fault begins. */
export class Traffic {
  /** Clients sign out rather than anything else. */
  signOuts = false;
  private readonly probes: (() => Promise<void>)[] = [];
  private underWay = 0;
  private shut = false;
  private waiting: (() => void)[] = [];
  private onEmpty: () => void = () => {};

  /** Resolves when a request may go; then `leave` has to be called. */
  async enter(): Promise<void> {
    while (this.shut) await new Promise<void>((go) => this.waiting.push(go));
    this.underWay++;
  }

  leave(): void {
    this.underWay--;
    if (this.underWay === 0) this.onEmpty();
  }

  /** Lets nothing begin any more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.shut = true;
    if (this.underWay > 0) await new Promise<void>((done) => (this.onEmpty = done));
    this.onEmpty = () => {};
  }

  go(): void {
    this.shut = false;
    for (const go of this.waiting.splice(0)) go();
  }

  /** `read`: asks the client's session once, gate or no gate. */
  onProbe(read: () => Promise<void>): void {
    this.probes.push(read);
  }

  /** Every client asks its session once. */
  async probe(): Promise<void> {
    await Promise.all(this.probes.map((read) => read()));
  }
}
