/**
 * A timer wheel: the deadlines of all connections of a worker, without a timer for each.
 *
 *      slots:  [ ][ ][*][ ][ ] ... [ ]      a ring of 512 slots, each for `tickMs` of time
 *                  ^ now    ^ deadlines linked here are checked when `now` reaches this slot
 *
 * A deadline that is postponed stays in its slot, and moves to another one only when it is checked there. So to postpone a
 * time-out, which happens with every request, is one write to memory.
 */

export interface DeadlineOwner {
  onDeadline(): void;
}

const tickMs = 100;
const slotCount = 512;

export class Deadline {
  readonly owner: DeadlineOwner;
  /** Time of the wheel (ms) at which it is due; 0: never. */
  at = 0;
  /** Time of the slot in which it is linked; 0: none. */
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
  /** Coarse monotonic time (ms), at most one tick behind: precise enough for deadlines. */
  now: number;
  private readonly slots: Deadline[];
  /** Number of ticks up to `now`. */
  private ticks: number;

  /** `turn` has to be called about this often (ms). */
  static readonly tickMs = tickMs;

  constructor(now: number) {
    this.now = now;
    this.ticks = Math.floor(now / tickMs);
    this.slots = Array.from({ length: slotCount }, () => new Deadline({ onDeadline() {} }));
  }

  /** Due in `delay` ms, or up to one tick later; 0: never. Replaces what was set before. */
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

  /** Never due any more, and unlinked: for a connection that is gone. */
  cancel(deadline: Deadline): void {
    deadline.at = 0;
    if (deadline.slotTime !== 0) unlink(deadline);
  }

  /** Advances to `now` (monotonic ms), and calls the owners of all deadlines that are due. */
  turn(now: number): void {
    this.now = now;
    const target = Math.floor(now / tickMs);
    // After a long stop of the process, one revolution of the ring visits every slot.
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
    // Rounded up, so that it is never early. Beyond the ring it waits in the farthest slot, and is linked again from there.
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
