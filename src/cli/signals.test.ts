import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { HeldSignals } from './signals.ts';

function stage(early: readonly string[] = []) {
  const killed: string[] = [];
  const process = Object.assign(new EventEmitter(), {
    pid: 7,
    kill: (_: number, signal: string) => killed.push(signal),
  });
  const held = new HeldSignals(process, () => early);
  const told: string[] = [];
  const listen = (signal: string) => held.on(signal, (...args: unknown[]) => told.push(`${signal} ${args[0]}`));
  return { process, held, listen, told, killed };
}

test('what has come before somebody listens is told then, each time that it came; what comes later at once', () => {
  const { process, listen, told } = stage();
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGHUP']) process.emit(signal, signal);
  listen('SIGHUP');
  expect(told).toEqual(['SIGHUP SIGHUP', 'SIGHUP SIGHUP']);
  process.emit('SIGHUP', 'SIGHUP');
  expect(told).toHaveLength(3);
  listen('SIGTERM');
  expect(told.slice(3)).toEqual(['SIGTERM SIGTERM']);
});

test('what came before this file could be loaded counts as the first', () => {
  const { process, listen, told } = stage(['SIGHUP', 'SIGUSR2']);
  process.emit('SIGHUP', 'SIGHUP');
  listen('SIGHUP');
  expect(told).toEqual(['SIGHUP SIGHUP', 'SIGHUP SIGHUP']);
});

test('where nobody is going to listen they do what they do by default', () => {
  const { process, held, killed } = stage();
  process.emit('SIGINT', 'SIGINT');
  held.release();
  expect(killed).toEqual(['SIGINT']);
  expect(process.eventNames()).toEqual([]);
});
