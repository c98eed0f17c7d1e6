/** Paints the picture: servers with a dot for each session on one canvas, what moves on another one above it. */
import { short } from '../ui/format.ts';
import { along, ease, type Flight, type Flights, flightMs, landingMs, pulseMs } from './flights.ts';
import { dotAt, type Layout, type Place } from './layout.ts';
import type { Palette } from './palette.ts';

const fullTurn = Math.PI * 2;

const font = '12px Inter, ui-sans-serif, system-ui, sans-serif';
const boldFont = '600 12px Inter, ui-sans-serif, system-ui, sans-serif';

/** Servers and their sessions. Drawn when figures come, not at every frame. */
export function drawServers(context: CanvasRenderingContext2D, layout: Layout, width: number, palette: Palette): void {
  context.clearRect(0, 0, width, layout.height);
  context.textAlign = 'center';
  for (const place of layout.places) {
    drawGround(context, place, palette);
    drawDots(context, place, layout, palette);
    if (layout.hasLabels) drawLabel(context, place, layout, palette);
  }
}

function drawGround(context: CanvasRenderingContext2D, { server, x, y, radius }: Place, palette: Palette): void {
  context.beginPath();
  context.arc(x, y, radius, 0, fullTurn);
  context.fillStyle = palette.idle;
  context.fill();
  context.lineWidth = radius > 24 ? 1.5 : 1;
  context.strokeStyle = ringOf(server.state, server.drained, palette);
  // Not by colour alone: a ring with gaps drains, a cross is down.
  context.setLineDash(server.state === 'draining' ? [radius / 6, radius / 9] : []);
  context.stroke();
  context.setLineDash([]);
  if (server.state === 'down') {
    const arm = Math.min(radius * 0.5, 26);
    context.beginPath();
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.lineWidth = Math.max(1.5, radius / 24);
    context.stroke();
  }
}

function ringOf(state: string, drained: boolean, palette: Palette): string {
  if (state === 'down') return palette.bad;
  return state === 'draining' || drained ? palette.warn : palette.line;
}

function radiusOf(spacing: number): number {
  return spacing * 0.34;
}

/** Dots of sessions with a copy are full; those without are rings, because they would be lost with the server. */
function drawDots(context: CanvasRenderingContext2D, place: Place, layout: Layout, palette: Palette): void {
  const { server, x, y } = place;
  const { perDot, spacing } = layout;
  const dotRadius = radiusOf(spacing);
  const { live, copied } = server.sessions;
  const dots = Math.ceil(live / perDot);
  const full = Math.round((copied / Math.max(1, live)) * dots);
  const isDown = server.state === 'down';
  context.fillStyle = isDown ? palette.muted : server.state === 'draining' ? palette.warn : palette.accent;
  context.strokeStyle = context.fillStyle;
  context.beginPath();
  for (let i = 0; i < full; i++) {
    const dot = dotAt(i, spacing);
    context.moveTo(x + dot.x + dotRadius, y + dot.y);
    context.arc(x + dot.x, y + dot.y, dotRadius, 0, fullTurn);
  }
  context.fill();
  context.beginPath();
  for (let i = full; i < dots; i++) {
    const dot = dotAt(i, spacing);
    context.moveTo(x + dot.x + dotRadius - 0.4, y + dot.y);
    context.arc(x + dot.x, y + dot.y, dotRadius - 0.4, 0, fullTurn);
  }
  context.lineWidth = 0.9;
  context.stroke();
}

function drawLabel(
  context: CanvasRenderingContext2D,
  { server, x, y, radius }: Place,
  { cell }: Layout,
  palette: Palette,
): void {
  const top = y + radius + 16;
  context.font = boldFont;
  context.fillStyle = palette.text;
  context.fillText(server.name, x, top, cell);
  context.font = font;
  context.fillStyle =
    server.state === 'down' ? palette.bad : server.state === 'draining' ? palette.warn : palette.muted;
  const state = server.state === 'up' ? '' : `${server.state} · `;
  context.fillText(`${state}${short(server.sessions.live)}`, x, top + 15, cell * 1.3);
}

/** Everything that moves; called at every frame while something does. */
export function drawMoving(
  context: CanvasRenderingContext2D,
  { flights, pulses }: Flights,
  layout: Layout,
  width: number,
  now: number,
  palette: Palette,
): void {
  context.clearRect(0, 0, width, layout.height);
  for (const { at, dot, start } of pulses) {
    const place = layout.byName.get(at);
    if (place === undefined) continue;
    const share = (now - start) / pulseMs;
    const centre = dotAt(dot, layout.spacing);
    context.globalAlpha = 1 - share;
    context.strokeStyle = place.server.state === 'draining' ? palette.warn : palette.accent;
    context.lineWidth = 1.4;
    context.beginPath();
    context.arc(place.x + centre.x, place.y + centre.y, radiusOf(layout.spacing) + share * 6, 0, fullTurn);
    context.stroke();
  }
  for (const flight of flights) drawFlight(context, flight, layout, now, palette);
  context.globalAlpha = 1;
}

function drawFlight(
  context: CanvasRenderingContext2D,
  flight: Flight,
  layout: Layout,
  now: number,
  palette: Palette,
): void {
  const leaves = layout.byName.get(flight.from);
  const lands = layout.byName.get(flight.to);
  if (leaves === undefined || lands === undefined) return;
  const from = dotOf(leaves, flight.leaves, layout);
  const to = dotOf(lands, flight.lands, layout);
  const share = (now - flight.start) / flightMs;
  const colour = flight.kind === 'rescued' ? palette.rescue : palette.accent;
  const size = Math.min(7, 2.6 + Math.sqrt(flight.size) * 0.6);
  context.strokeStyle = colour;
  context.fillStyle = colour;
  if (share >= 1) {
    const ring = (now - flight.start - flightMs) / landingMs;
    context.globalAlpha = Math.max(0, 1 - ring);
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(to.x, to.y, size + ring * 9, 0, fullTurn);
    context.stroke();
    return;
  }
  const steps = 10;
  const head = ease(share);
  const tail = ease(Math.max(0, share - 0.2));
  let last = along(from, to, flight.bend, tail);
  for (let i = 1; i <= steps; i++) {
    const next = along(from, to, flight.bend, tail + ((head - tail) * i) / steps);
    context.globalAlpha = (0.75 * i) / steps;
    context.lineWidth = (size * i) / steps;
    context.beginPath();
    context.moveTo(last.x, last.y);
    context.lineTo(next.x, next.y);
    context.stroke();
    last = next;
  }
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(last.x, last.y, size, 0, fullTurn);
  context.fill();
}

/** The place of one of its dots; of where they would be, when it has none. */
function dotOf(
  { server, x, y }: Place,
  share: number,
  { perDot, spacing }: Layout,
): { readonly x: number; readonly y: number } {
  const dot = dotAt(Math.floor(share * Math.max(12, server.sessions.live / perDot)), spacing);
  return { x: x + dot.x, y: y + dot.y };
}
