// Debian's Prometheus with the rules, alerts and scrape configurations that deploy/ ships.

import { installDebian } from '../support/programs/packages.js';
import type { Context, Part } from './part.js';
import { checkKubernetes } from './prometheus/kubernetes.js';
import { checkLive } from './prometheus/live.js';
import { checkRules } from './prometheus/rules.js';

export const part: Part = { name: 'prometheus', run };

async function run(context: Context): Promise<void> {
  await installDebian({ prometheus: 'prometheus', promtool: 'prometheus' });
  await checkRules(context);
  await context.report.check(
    'of the pods in Kubernetes those that run are scraped, once, under their names',
    () => checkKubernetes(context),
  );
  await checkLive(context);
}
