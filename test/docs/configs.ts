/** YAML of the documentation, loaded as `limpet check` does; what is only a part of a config is put into one. */
import { readConfig } from '../../src/config/read.ts';
import { configSchema } from '../../src/config/schema.ts';
import { readYaml } from '../../src/config/yaml.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What stands for the servers in `[...]`, and for those that a part of a config does not have. */
const servers = ['s1', 's2', 's3', 'app-2'].map((name, i) => ({ name, address: `127.0.0.1:${3001 + i}` }));
const topFields = Object.keys(configSchema.shape);

/** `# or` between two lines: the block shows several configs. */
export function alternatives(text: string): string[] {
  return text.split(/^# or$/m);
}

/** Answers what is wrong with it, a warning too; '' for nothing. */
export function flawOfConfig(text: string): string {
  try {
    const { value, locate, problems } = readYaml(text);
    if (problems.length > 0) return problems.map((problem) => problem.text).join('; ');
    const { warnings } = loadPart(value, text, locate);
    return warnings.map((warning) => warning.text).join('; ');
  } catch (error) {
    return String(error);
  }
}

/** Each environment variable that the text names without a default is set, each to a key of its own. */
function loadPart(value: unknown, text: string, locate: ReturnType<typeof readYaml>['locate']) {
  const names = new Set(Array.from(text.matchAll(/\$\{(\w+)\}/g), ([, name]) => name));
  const env = Object.fromEntries(Array.from(names, (name, n) => [name, `${n + 10}`.repeat(32)]));
  return readConfig(wholeConfig(value), { source: { name: 'example', locate }, env, variables: true });
}

/** A list is the affinity of a pool; fields that only a pool has are one's. */
export function wholeConfig(value: unknown): Fields {
  const given: Fields = Array.isArray(value) ? { affinity: value } : (value as Fields);
  const top = Object.fromEntries(Object.entries(given).filter(([name]) => topFields.includes(name)));
  const ofPool = Object.fromEntries(Object.entries(given).filter(([name]) => !topFields.includes(name)));
  const pools = (top.pools ?? { shop: ofPool }) as Readonly<Record<string, Fields>>;
  const named = Array.isArray(top.routes) ? (top.routes as Fields[]).map(({ pool }) => String(pool)) : [];
  // Two pools of nothing but a name would set the same cookie.
  const all = { ...Object.fromEntries(named.map((name) => [name, { affinity: 'source-ip' }])), ...pools };
  return {
    ...top,
    // Trusted proxies: what counts only from them counts.
    listeners: top.listeners ?? [{ address: ':8080', trustedProxies: ['127.0.0.1'] }],
    pools: Object.fromEntries(Object.entries(all).map(([name, pool]) => [name, { ...pool, servers: serversOf(pool) }])),
  };
}

function serversOf({ servers: given }: Fields): unknown {
  return given === undefined || (Array.isArray(given) && given[0] === '...') ? servers : given;
}
