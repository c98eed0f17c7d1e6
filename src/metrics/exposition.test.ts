import { Counter, Gauge, Registry, type RegistryContentType } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { expose, type Family, labelText, sample, samplesOf } from './exposition.ts';
import { distributionOf, histogramWords, observe, publishedBounds } from './histogram.ts';

async function exposed(families: readonly Family[], accept: string) {
  const { contentType, body } = await expose(families, accept);
  return { contentType, body: Buffer.from(body).toString() };
}

const families: readonly Family[] = [
  {
    name: 'limpet_a_total',
    type: 'counter',
    help: 'Of\nall.',
    samples: [sample(labelText({ class: '2xx', pool: 'a "b" \\ c\n' }), 1.5), sample(labelText({ pool: 'd' }), 2)],
  },
  { name: 'limpet_none', type: 'gauge', help: 'Nobody has one.', samples: [] },
  { name: 'limpet_b', type: 'gauge', help: 'Now.', samples: [sample('', 3)] },
];

test('text, as Prometheus has it', async () => {
  expect(await exposed(families, '')).toEqual({
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    body: [
      '# HELP limpet_a_total Of\\nall.',
      '# TYPE limpet_a_total counter',
      'limpet_a_total{class="2xx",pool="a \\"b\\" \\\\ c\\n"} 1.5',
      'limpet_a_total{pool="d"} 2',
      '# HELP limpet_b Now.',
      '# TYPE limpet_b gauge',
      'limpet_b 3',
      '',
    ].join('\n'),
  });
});

test('OpenMetrics: counters have their suffix in samples only, and the end is marked', async () => {
  const { contentType, body } = await exposed(families, 'application/openmetrics-text');
  expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(body).toContain('# TYPE limpet_a counter\nlimpet_a_total{class="2xx"');
  expect(body.endsWith('\nlimpet_b 3\n# EOF\n')).toBe(true);
});

describe.each([
  ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3', true],
  ['text/plain;q=0.9, application/openmetrics-text; q=0.8', false],
  ['application/openmetrics-text, text/plain', true],
  ['application/openmetrics-text;q=0', false],
  ['text/html,*/*', false],
])('Accept: %s', (accept, isOpenMetrics) => {
  test(isOpenMetrics ? 'is OpenMetrics' : 'is text', async () => {
    const { contentType } = await exposed(families, accept);
    expect(contentType.startsWith('application/openmetrics-text')).toBe(isOpenMetrics);
  });
});

test('prom-client writes the same', async () => {
  for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE] as const) {
    const registry = new (Registry as new (type: RegistryContentType) => Registry<RegistryContentType>)(type);
    const responses = new Counter({
      name: 'a_total',
      help: 'All "of" them.',
      labelNames: ['b', 'c'],
      registers: [registry],
    });
    responses.inc({ b: 'x"y', c: '\\\n' }, 3);
    responses.inc({ b: '', c: '2' }, 0.5);
    new Gauge({ name: 'b', help: 'Now.', registers: [registry] }).set(-1e21);
    const ours: Family[] = [
      {
        name: 'a_total',
        type: 'counter',
        help: 'All "of" them.',
        samples: [sample(labelText({ b: 'x"y', c: '\\\n' }), 3), sample(labelText({ b: '', c: '2' }), 0.5)],
      },
      { name: 'b', type: 'gauge', help: 'Now.', samples: [sample('', -1e21)] },
    ];
    const { contentType, body } = await exposed(ours, type.split(';')[0]!);
    expect(contentType).toBe(type);
    // It leaves lines free between families of text, and does not escape quotes in a help of OpenMetrics.
    expect(body.replaceAll('\\"of\\"', '"of"')).toBe((await registry.metrics()).replaceAll('\n\n', '\n'));
  }
});

test('a histogram has its buckets, or its count and sum alone', () => {
  const words = new Float64Array(histogramWords);
  for (const ms of [0.5, 3, 200_000]) observe(words, 0, ms);
  const whole = Array.from(samplesOf('pool="a"', distributionOf([words])));
  expect(whole).toHaveLength(publishedBounds.length + 3);
  const values = Object.fromEntries(
    whole.map(({ suffix, labels, more, value }) => [`${suffix}{${labels}${more}}`, value]),
  );
  expect(values).toMatchObject({
    '_bucket{pool="a",le="0.001"}': 1,
    '_bucket{pool="a",le="0.002"}': 1,
    '_bucket{pool="a",le="0.004"}': 2,
    '_bucket{pool="a",le="65.536"}': 2,
    '_bucket{pool="a",le="+Inf"}': 3,
    '_count{pool="a"}': 3,
    '_sum{pool="a"}': 200.0035,
  });
  const short = Array.from(samplesOf('pool="a"', distributionOf([words], 0, false)));
  expect(short.map(({ suffix }) => suffix)).toEqual(['_bucket', '_sum', '_count']);
});
