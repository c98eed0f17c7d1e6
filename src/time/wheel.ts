/**
 * One wheel of deadlines for all connections of a worker, instead of a timer each.
 *
 *      slots:  [ ][ ][*][ ][ ] ... [ ]      a slot is `tickMs` of time, a ring of 512 of them
 *                  ^ now    ^ deadlines linked here are looked at when the hand comes by
 *
 * A deadline that is put off stays in its slot, and is linked anew only when the hand finds it there: moving a
 * time-out forward, which happens with every request, is one store.
 */

export interface DeadlineOwner {
  onDeadline(): void;
}

const tickMs = 100;
const slotCount = 512;

export class Deadline {
  readonly owner: DeadlineOwner;
  /** Wheel time (ms) at which it is due; 0: never. */
  at = 0;
  /** Time of the slot in which it is linked; 0: in none. */
  slotTime = 0;
  next: Deadline;
  previous: Deadline;

  constructor(owner: DeadlineOwner) {
    this.owner = owner;
    this.next = this;
    this.previous = this;
  }
}

export class Wheel {
  /** Coarse monotonic time, milliseconds: good for deadlines, at most a tick behind. */
  now: number;
  private readonly slots: Deadline[];
  /** Number of ticks up to `now`. */
  private ticks: number;

  /** Ticks come from outside: call `turn` every 100 ms or so. */
  static readonly tickMs = tickMs;

  constructor(now: number) {
    this.now = now;
    this.ticks = Math.floor(now / tickMs);
    this.slots = Array.from({ length: slotCount }, () => new Deadline({ onDeadline() {} }));
  }

  /** Due in `delay` ms, or up to a tick later; 0 means never. Replaces what was set before. */
  set(deadline: Deadline, delay: number): void {
    if (delay === 0) {
      deadline.at = 0;
      return;
    }
    const at = this.now + delay;
    deadline.at = at;
    if (deadline.slotTime !== 0) {
      if (deadline.slotTime <= at) return;
      unlink(deadline);
    }
    this.link(deadline);
  }

  /** Never due, and forgotten: for a connection that is gone. */
  cancel(deadline: Deadline): void {
    deadline.at = 0;
    if (deadline.slotTime !== 0) unlink(deadline);
  }

  /** Moves the hand to `now` (monotonic ms) and tells the owners of all deadlines that have come. */
  turn(now: number): void {
    this.now = now;
    const target = Math.floor(now / tickMs);
    // After a long stop of the process one whole revolution visits every slot.
    this.ticks = Math.max(this.ticks, target - slotCount);
    while (this.ticks < target) {
      this.ticks++;
      const head = this.slots[this.ticks % slotCount]!;
      while (head.next !== head) {
        const deadline = head.next;
        unlink(deadline);
        if (deadline.at === 0) continue;
        if (deadline.at <= now) {
          deadline.at = 0;
          deadline.owner.onDeadline();
        } else this.link(deadline);
      }
    }
  }

  private link(deadline: Deadline): void {
    // Rounded up, so that it is never early; beyond the ring it waits in the farthest slot and goes round again.
    const due = Math.ceil(deadline.at / tickMs);
    const tick = Math.min(Math.max(due, this.ticks + 1), this.ticks + slotCount - 1);
    const head = this.slots[tick % slotCount]!;
    deadline.slotTime = tick * tickMs;
    deadline.previous = head.previous;
    deadline.next = head;
    head.previous.next = deadline;
    head.previous = deadline;
  }
}

function unlink(deadline: Deadline): void {
  deadline.previous.next = deadline.next;
  deadline.next.previous = deadline.previous;
  deadline.next = deadline;
  deadline.previous = deadline;
  deadline.slotTime = 0;
}
