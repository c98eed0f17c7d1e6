/** Where each server stands in the picture, and how large. Pure: figures in, places out. */
import type { ServerView } from '../api/types.ts';

export interface Place {
  readonly server: ServerView;
  /** Its centre, CSS pixels. */
  readonly x: number;
  readonly y: number;
  /** The room that it has for its dots. */
  readonly radius: number;
}

export interface Layout {
  readonly places: readonly Place[];
  /** By `pool/server`. */
  readonly byName: ReadonlyMap<string, Place>;
  readonly height: number;
  readonly cell: number;
  readonly columns: number;
  /** How many sessions a dot stands for. */
  readonly perDot: number;
  /** Between the centres of neighbouring dots, px: wide where there are few, so that a server's ground is used. */
  readonly spacing: number;
  readonly hasLabels: boolean;
}

const closestDots = 5.4;
const widestDots = 11;
const largestCell = 216;
const smallestCell = 18;
/** From this size on (px) a server has its name and figures below it. */
const labelledCell = 84;
const labelHeight = 38;
/** Above and below all of it. */
const margin = 10;

export function keyOf(pool: string, server: string): string {
  return `${pool}/${server}`;
}

/** Lays them out in `width` and at most `height`; higher only when even the smallest cells would not fit. */
export function layOut(servers: readonly ServerView[], width: number, height: number): Layout {
  const cell = cellFor(servers.length, width, height);
  const hasLabels = cell >= labelledCell;
  const rowHeight = hasLabels ? cell + labelHeight : cell;
  const columns = Math.max(1, Math.min(servers.length, Math.floor(width / cell)));
  const rows = Math.ceil(servers.length / columns);
  // Cells share the width that is left over, so that the picture stands centred.
  const stride = Math.min(width / columns, cell * 1.7);
  const left = (width - stride * columns) / 2;
  const total = rows * rowHeight + 2 * margin;
  const radius = cell * 0.44;
  const places = servers.map((server, index): Place => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? servers.length - row * columns : columns;
    const indent = ((columns - inRow) * stride) / 2;
    return {
      server,
      x: left + indent + ((index % columns) + 0.5) * stride,
      y: margin + row * rowHeight + cell / 2,
      radius,
    };
  });
  let most = 0;
  for (const { sessions } of servers) most = Math.max(most, sessions.live);
  const perDot = niceStep(most / dotsWithin(radius, closestDots));
  const dots = Math.max(1, most / perDot);
  const spacing = Math.min(widestDots, Math.max(closestDots, (radius * 0.9) / (0.56 * Math.sqrt(dots))));
  return {
    places,
    byName: new Map(places.map((place) => [keyOf(place.server.pool, place.server.name), place])),
    height: total,
    cell,
    columns,
    perDot,
    spacing,
    hasLabels,
  };
}

/** The largest cell of which as many fit. */
function cellFor(count: number, width: number, height: number): number {
  for (let cell = largestCell; cell > smallestCell; cell -= 2) {
    const rowHeight = cell >= labelledCell ? cell + labelHeight : cell;
    if (Math.floor(width / cell) * Math.floor(height / rowHeight) >= count) return cell;
  }
  return smallestCell;
}

/** How many dots of a sunflower have room in a circle. */
function dotsWithin(radius: number, spacing: number): number {
  return Math.max(1, Math.floor(((radius * 0.9) / (spacing * 0.56)) ** 2));
}

/** 1, 2, 5, 10, 20, 50 and so on, not below `least`. */
export function niceStep(least: number): number {
  for (let power = 1; ; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power >= least) return step * power;
  }
}

const goldenAngle = Math.PI * (3 - Math.sqrt(5));

/** The place of a dot by its number, from the centre: a session stays where it is while others come and go. */
export function dotAt(index: number, spacing: number): { readonly x: number; readonly y: number } {
  const distance = spacing * 0.56 * Math.sqrt(index + 0.5);
  return { x: distance * Math.cos(index * goldenAngle), y: distance * Math.sin(index * goldenAngle) };
}

export function placeUnder({ places, cell }: Layout, x: number, y: number): Place | null {
  let nearest: Place | null = null;
  let least = (cell / 2) ** 2;
  for (const place of places) {
    const distance = (place.x - x) ** 2 + (place.y - y) ** 2;
    if (distance <= least) {
      least = distance;
      nearest = place;
    }
  }
  return nearest;
}
