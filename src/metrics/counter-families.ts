/** The counters of the whole process as metrics. Most keep their name; those that are one figure in several kinds become one with a label. */
import { type Fault, faults } from '../errors.ts';
import { counterRows } from './counters.ts';
import { type Family, labelText, type Sample, sample } from './exposition.ts';

interface Renamed {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the family, where it has several counters. */
  readonly help?: string;
}

const refused = 'requests_refused_';
const faultByCounter = new Map<string, Fault>(
  faults.map((fault) => [`${refused}${fault.code.replaceAll('-', '_')}`, fault]),
);

const byName: Readonly<Record<string, Renamed>> = {
  bytes_in: { name: 'received_bytes_total' },
  bytes_out: { name: 'sent_bytes_total' },
  linger_bytes: { name: 'linger_bytes_total' },
};

/** `values`: every counter by its name. */
export function counterFamilies(values: Readonly<Record<string, number>>): Family[] {
  const families = new Map<string, { type: 'counter' | 'gauge'; help: string; samples: Sample[] }>();
  for (const row of counterRows) {
    const { name, labels = {}, help = row.help } = renamed(row.name, row.kind);
    const family = families.get(name) ?? { type: row.kind, help, samples: [] };
    family.samples.push(sample(labelText(labels), values[row.name] ?? 0));
    families.set(name, family);
  }
  return Array.from(families, ([name, family]) => ({ name: `limpet_${name}`, ...family }));
}

function renamed(counter: string, kind: 'counter' | 'gauge'): Renamed {
  const fault = faultByCounter.get(counter);
  if (fault !== undefined) {
    return {
      name: 'failures_total',
      labels: { side: fault.side, reason: fault.code },
      help: 'Exchanges that failed, by whose fault it was, and why.',
    };
  }
  const [, group] = /^responses_(\dxx)$/.exec(counter) ?? [];
  if (group !== undefined) {
    return {
      name: 'responses_total',
      labels: { class: group },
      help: 'Responses sent to clients, by class of status.',
    };
  }
  const [, limit] = /^h2_limit_(.+)$/.exec(counter) ?? [];
  if (limit !== undefined) {
    return {
      name: 'h2_limits_total',
      labels: { limit },
      help: 'HTTP/2 connections ended by a limit of limits.h2.perMinute.',
    };
  }
  return byName[counter] ?? { name: kind === 'counter' ? `${counter}_total` : counter };
}
