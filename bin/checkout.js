/**
 * The entry of a checkout, plain JavaScript on purpose: before Node can load the first file of TypeScript it loads what strips
 * types, and a signal that comes in that time would end the process. A package has its entry built, and needs none.
 * `HeldSignals` (src/cli/signals.ts) takes over what has come.
 */
const arrived = [];
const hold = (signal) => void arrived.push(signal);
const held = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'];
for (const signal of held) process.on(signal, hold);

globalThis.limpetEarlySignals = () => {
  for (const signal of held) process.off(signal, hold);
  return arrived.splice(0);
};

await import('../src/cli/main.ts');
