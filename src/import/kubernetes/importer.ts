/** `limpet import ingress.yaml`: Ingresses of ingress-nginx and Gateway API routes, with the Services and endpoints of the same file. */
import { UsageError } from '../../errors.ts';
import type { Importer } from '../imported.ts';
import { Loops } from '../loops.ts';
import { readYaml } from '../yaml/yaml-file.ts';
import { KubernetesConfigBuilder } from './config-builder.ts';
import { importGateways } from './gateway.ts';
import { importIngresses } from './ingress.ts';
import { objectsOf } from './objects.ts';
import { Services } from './servers.ts';
import { warnAboutOtherControllers } from './warnings.ts';

export const importKubernetes: Importer = (text, file, loops = new Loops()) => {
  const yaml = readYaml(text, file);
  const objects = objectsOf(yaml);
  const rules = objects.find(({ kind }) => kind === 'Ingress' || kind === 'HTTPRoute');
  if (rules === undefined) {
    throw new UsageError(`${file}:1: found no Ingress and no HTTPRoute, expected at least one of them`);
  }
  const builder = new KubernetesConfigBuilder();
  const services = new Services(objects, loops);
  importIngresses(objects, services, builder);
  importGateways(objects, services, builder);
  // Before the notes are read: renaming a cookie adds a note.
  const config = builder.size === 0 ? null : builder.config();
  warnAboutOtherControllers(objects);
  const notes = yaml.notes();
  if (config === null) {
    const reasons = notes.filter(({ line }) => line >= rules.part.firstLine && line <= rules.part.lastLine);
    const why =
      reasons.find(({ concern }) => concern === 'not-working') ??
      reasons.find(({ why }) => /\bport\b|Service/.test(why)) ??
      reasons[0];
    const reason = why === undefined ? '' : `, because of line ${why.line}: ${why.why}`;
    throw new UsageError(
      `${file}:${why?.line ?? rules.part.firstLine}: no rule of this ${rules.kind} can be carried over${reason}`,
    );
  }
  return { config, notes };
};
