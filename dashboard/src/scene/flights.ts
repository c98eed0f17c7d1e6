/** Sessions on their way from one server to another, and requests that come home: what moves in the picture. */

export type FlightKind = 'moved' | 'rescued';

export interface Flight {
  readonly from: string;
  readonly to: string;
  readonly kind: FlightKind;
  /** Sessions that fly together. */
  size: number;
  readonly start: number;
  /** To which side it bends, -1 to 1, so that many do not lie on one line. */
  readonly bend: number;
  /** Where among the dots it begins and ends, 0 to 1. */
  readonly leaves: number;
  readonly lands: number;
}

export interface Pulse {
  readonly at: string;
  readonly dot: number;
  readonly start: number;
}

export const flightMs = 1_100;
export const pulseMs = 520;
/** A ring where a session has landed, ms. */
export const landingMs = 450;
const mostFlights = 240;
const mostPulses = 160;
/** Those of the same way that begin within this time (ms) fly as one once there are many. */
const togetherMs = 120;

export class Flights {
  readonly flights: Flight[] = [];
  readonly pulses: Pulse[] = [];

  depart(kind: FlightKind, from: string, to: string, now: number, random: () => number): void {
    if (this.flights.length > mostFlights / 2) {
      for (let i = this.flights.length - 1; i >= 0; i--) {
        const other = this.flights[i]!;
        if (now - other.start > togetherMs) break;
        if (other.from === from && other.to === to && other.kind === kind) {
          other.size++;
          return;
        }
      }
    }
    if (this.flights.length >= mostFlights) this.flights.shift();
    this.flights.push({
      from,
      to,
      kind,
      size: 1,
      start: now,
      bend: random() * 2 - 1,
      leaves: random(),
      lands: random(),
    });
  }

  pulse(at: string, dot: number, now: number): void {
    if (this.pulses.length < mostPulses) this.pulses.push({ at, dot, start: now });
  }

  /** Forgets what is over. False: nothing moves any more. */
  tick(now: number): boolean {
    while (this.flights.length > 0 && now - this.flights[0]!.start > flightMs + landingMs) this.flights.shift();
    while (this.pulses.length > 0 && now - this.pulses[0]!.start > pulseMs) this.pulses.shift();
    return this.flights.length + this.pulses.length > 0;
  }
}

/** Slow at both ends. */
export function ease(share: number): number {
  return share < 0.5 ? 4 * share ** 3 : 1 - (-2 * share + 2) ** 3 / 2;
}

/** The point at `share` of the bent way between two places. */
export function along(
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
  bend: number,
  share: number,
): { readonly x: number; readonly y: number } {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const lift = length * 0.22 * (Math.sign(bend || 1) * 0.35 + bend * 0.65);
  const middleX = (from.x + to.x) / 2 - ((to.y - from.y) / length) * lift;
  const middleY = (from.y + to.y) / 2 + ((to.x - from.x) / length) * lift;
  const rest = 1 - share;
  return {
    x: rest * rest * from.x + 2 * rest * share * middleX + share * share * to.x,
    y: rest * rest * from.y + 2 * rest * share * middleY + share * share * to.y,
  };
}
