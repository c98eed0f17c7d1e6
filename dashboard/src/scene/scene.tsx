/**
 * The live picture: each server with its sessions as dots. A ring goes out from a dot when a request comes home to it, and a session
 * that moves or is rescued flies. What it shows stands beside it as text, too.
 */
import { effect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EventView } from '../api/types.ts';
import { serverLink } from '../state/route.ts';
import { eventListeners, history, isFollowing, pools, sampled, servers } from '../state/store.ts';
import { isDark } from '../state/theme.ts';
import { percent, short } from '../ui/format.ts';
import { crossingsBetween } from './derived.ts';
import { drawMoving, drawServers } from './draw.ts';
import { Flights } from './flights.ts';
import { keyOf, type Layout, layOut, type Place, placeUnder } from './layout.ts';
import { type Palette, readPalette } from './palette.ts';

const pulsesPerSecond = 90;
/** Flights that are told from counts, for each look. */
const mostCrossings = 40;
/** They begin within this time, ms. */
const crossingsMs = 900;

export function Scene() {
  const box = useRef<HTMLDivElement>(null);
  const ground = useRef<HTMLCanvasElement>(null);
  const moving = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | null>(null);
  const [hovered, setHovered] = useState<Place | null>(null);
  const [perDot, setPerDot] = useState(1);

  useEffect(() => {
    const one = new Painter(box.current!, ground.current!, moving.current!, setPerDot);
    painter.current = one;
    return () => one.stop();
  }, []);

  const live = pools.value.reduce((sum, pool) => sum + pool.sessions.live, 0);
  const usable = servers.value.filter(({ state }) => state === 'up').length;
  const at = (event: MouseEvent) => {
    const { left, top } = box.current!.getBoundingClientRect();
    return painter.current?.placeAt(event.clientX - left, event.clientY - top) ?? null;
  };
  return (
    <figure class="scene">
      <div
        class={`scene-box${hovered === null ? '' : ' is-hovered'}`}
        ref={box}
        role="img"
        aria-label={`${short(live)} sessions on ${servers.value.length} servers, ${usable} of them up. The Servers view has the same as a table.`}
        onMouseMove={(event) => setHovered(at(event))}
        onMouseLeave={() => setHovered(null)}
        onClick={(event) => {
          const place = at(event);
          if (place !== null) location.hash = serverLink(place.server.pool, place.server.name, 'overview');
        }}
      >
        <canvas ref={ground} />
        <canvas ref={moving} />
        {hovered !== null && <SceneTip place={hovered} width={box.current?.clientWidth ?? 0} />}
      </div>
      <figcaption class="legend">
        <span>
          <i class="key key-full" /> {perDot === 1 ? 'a session' : `${short(perDot)} sessions`} with a copy
        </span>
        <span>
          <i class="key key-ring" /> without one
        </span>
        <span>
          <i class="key key-pulse" /> a request comes home
        </span>
        <span>
          <i class="key key-moved" /> moved
        </span>
        <span>
          <i class="key key-rescued" /> rescued
        </span>
      </figcaption>
    </figure>
  );
}

function SceneTip({ place, width }: { place: Place; width: number }) {
  const { server, x, y, radius } = place;
  const { live, copied } = server.sessions;
  return (
    <div class="tip" style={{ left: `${Math.min(Math.max(x, 110), width - 110)}px`, top: `${y - radius - 8}px` }}>
      <strong>
        {server.pool}/{server.name}
      </strong>
      <span>
        {server.state} · {short(live)} sessions, {percent(copied, live)} copied · {short(server.inflight)} in flight
      </span>
    </div>
  );
}

/** Owns the two canvases: lays out and draws when figures come, animates while something moves. */
class Painter {
  private readonly box: HTMLElement;
  private readonly ground: HTMLCanvasElement;
  private readonly moving: HTMLCanvasElement;
  private readonly flights = new Flights();
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)');
  private readonly undo: (() => void)[] = [];
  private layout: Layout = layOut([], 1, 1);
  private palette: Palette;
  private width = 0;
  private frame = 0;
  private lastFrame = 0;
  private owed = 0;
  private before = servers.peek();
  private readonly onPerDot: (perDot: number) => void;

  constructor(
    box: HTMLElement,
    ground: HTMLCanvasElement,
    moving: HTMLCanvasElement,
    onPerDot: (perDot: number) => void,
  ) {
    this.box = box;
    this.ground = ground;
    this.moving = moving;
    this.onPerDot = onPerDot;
    this.palette = readPalette(box);
    const observer = new ResizeObserver(() => this.draw());
    observer.observe(box);
    const onEvent = (event: EventView) => this.depart(event);
    eventListeners.add(onEvent);
    this.undo.push(
      () => observer.disconnect(),
      () => eventListeners.delete(onEvent),
      effect(() => {
        void sampled.value;
        this.departByCounts();
      }),
      effect(() => {
        void servers.value;
        void isDark.value;
        // After the theme has been applied to the page.
        queueMicrotask(() => {
          this.palette = readPalette(box);
          this.draw();
        });
      }),
    );
  }

  stop(): void {
    for (const undo of this.undo) undo();
    cancelAnimationFrame(this.frame);
  }

  placeAt(x: number, y: number): Place | null {
    return placeUnder(this.layout, x, y);
  }

  private draw(): void {
    const width = this.box.clientWidth;
    if (width === 0 || !this.box.isConnected) return;
    const height = Math.min(440, Math.max(260, width * 0.42));
    this.width = width;
    this.layout = layOut(servers.value, width, height);
    this.onPerDot(this.layout.perDot);
    this.box.style.height = `${this.layout.height}px`;
    for (const canvas of [this.ground, this.moving]) resize(canvas, width, this.layout.height);
    drawServers(this.ground.getContext('2d')!, this.layout, width, this.palette);
    this.animate();
  }

  private depart({ name, fields }: EventView): void {
    if (this.still.matches || document.hidden || (name !== 'session.moved' && name !== 'session.rescued')) return;
    const [from, to] = [keyOf(String(fields.pool), String(fields.from)), keyOf(String(fields.pool), String(fields.to))];
    this.flights.depart(name === 'session.moved' ? 'moved' : 'rescued', from, to, performance.now(), Math.random);
    this.animate();
  }

  /** Without the stream of events: sessions that one server has fewer and another one more. */
  private departByCounts(): void {
    const now = servers.peek();
    const changed = { moved: history.latest('moved') ?? 0, rescued: history.latest('rescued') ?? 0 };
    const isQuiet =
      changed.moved + changed.rescued === 0 || isFollowing.peek() || this.still.matches || document.hidden;
    if (!isQuiet && now !== this.before) {
      for (const { from, to, kind } of crossingsBetween(this.before, now, roundedUp(changed), mostCrossings)) {
        const begin = () => {
          this.flights.depart(kind, from, to, performance.now(), Math.random);
          this.animate();
        };
        setTimeout(begin, Math.random() * crossingsMs);
      }
    }
    this.before = now;
  }

  private animate(): void {
    if (this.frame !== 0 || this.still.matches) return;
    this.lastFrame = performance.now();
    const next = () => {
      this.frame = requestAnimationFrame((now) => {
        this.frame = 0;
        this.addPulses(now);
        const moves = this.flights.tick(now);
        drawMoving(this.moving.getContext('2d')!, this.flights, this.layout, this.width, now, this.palette);
        if (moves || (history.latest('requests') ?? 0) > 0) next();
      });
    };
    next();
  }

  /** A sample of the requests, at sessions in proportion to where they are. */
  private addPulses(now: number): void {
    const { places, perDot } = this.layout;
    const requests = Math.min(history.latest('requests') ?? 0, pulsesPerSecond);
    this.owed = Math.min(4, this.owed + (requests * Math.min(100, now - this.lastFrame)) / 1000);
    this.lastFrame = now;
    for (; this.owed >= 1; this.owed--) {
      const { server } = places[Math.floor(Math.random() * places.length)] ?? {};
      if (server === undefined || server.state === 'down' || server.sessions.live === 0) continue;
      const dots = Math.ceil(server.sessions.live / perDot);
      this.flights.pulse(keyOf(server.pool, server.name), Math.floor(Math.random() * dots), now);
    }
  }
}

function roundedUp({ moved, rescued }: { readonly moved: number; readonly rescued: number }) {
  return { moved: Math.ceil(moved), rescued: Math.ceil(rescued) };
}

function resize(canvas: HTMLCanvasElement, width: number, height: number): void {
  const scale = Math.min(2, devicePixelRatio);
  const [pixelsWide, pixelsHigh] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== pixelsWide || canvas.height !== pixelsHigh) {
    canvas.width = pixelsWide;
    canvas.height = pixelsHigh;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  canvas.getContext('2d')!.setTransform(scale, 0, 0, scale, 0, 0);
}
