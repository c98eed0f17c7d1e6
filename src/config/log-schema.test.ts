import { expect, test } from 'vitest';
import { readConfig } from './read.ts';

function logOf(access: unknown) {
  const config = { listeners: [{ address: ':80' }], pools: { shop: { servers: [3001] } }, log: { access } };
  const around = { source: { name: 'test', locate: () => null }, env: {}, variables: false };
  return readConfig(config as Parameters<typeof readConfig>[0], around).options.log.access;
}

const nowhere = { sample: 1, file: null, syslog: null };

test.each([
  ['off', null],
  ['combined', { ...nowhere, format: 'combined' }],
  [{}, { ...nowhere, format: 'text' }],
  [
    { format: '{client} {status}', sample: '0.1' },
    { ...nowhere, format: '{client} {status}', sample: 0.1 },
  ],
  [
    { file: { path: 'a.log' } },
    { ...nowhere, format: 'text', file: { path: 'a.log', size: 100 * 1024 ** 2, keep: 5 } },
  ],
  [
    { syslog: { address: 'udp://Logs:514', facility: 'daemon', tag: 'shop' } },
    {
      ...nowhere,
      format: 'text',
      syslog: { protocol: 'udp', address: { kind: 'tcp', host: 'logs', port: 514 }, facility: 3, tag: 'shop' },
    },
  ],
  [
    { syslog: { address: 'unix:/run/syslog.sock' } },
    {
      ...nowhere,
      format: 'text',
      syslog: { protocol: 'unix', address: { kind: 'unix', path: '/run/syslog.sock' }, facility: 16, tag: 'limpet' },
    },
  ],
])('%j', (written, options) => {
  expect(logOf(written)).toEqual(options);
});

test.each([
  ['jason', 'log.access: found "jason", expected one of off, text, json, common, combined, or a map of fields'],
  [
    { format: 'jason' },
    'log.access.format: found "jason", expected one of text, json, common, combined, or a template',
  ],
  [{ format: '{cookie}' }, 'log.access.format: found "{cookie}", expected a template with these fields only: time, '],
  [{ sample: 2 }, 'log.access.sample: found 2, expected a number from 0 to 1'],
  [{ file: {} }, 'log.access.file.path: found nothing, expected the path of a file'],
  [
    { syslog: { address: 'logs:514' } },
    'log.access.syslog.address: found "logs:514", expected an address such as udp://',
  ],
  [{ syslog: { address: 'udp://unix:/x' } }, 'log.access.syslog.address: found "udp://***", expected'],
])('%j is refused', (written, message) => {
  expect(() => logOf(written)).toThrow(message);
});
