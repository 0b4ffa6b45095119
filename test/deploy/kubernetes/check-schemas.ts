// kubeconform: what kustomize makes is of the schemas' kinds, fields and types, and nothing else.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finish } from '../../support/programs/command.js';
import { installGo } from '../../support/programs/packages.js';
import type { Context } from '../part.js';
import { KEDA, KUBERNETES, PROMETHEUS_OPERATOR, writeSchemas } from './schemas.js';
import type { Rendered } from './sources.js';

/** What would pass a check that is not strict, or none. */
const MISTAKES = [
  { find: 'maxUnavailable: 1', put: 'maxUnavailabel: 1', refused: /maxUnavailabel/ },
  { find: 'periodSeconds: 2\n', put: 'periodSeconds: two\n', refused: /periodSeconds/ },
  { find: 'podMetricsEndpoints:', put: 'podMetricEndpoints:', refused: /podMetricEndpoints/ },
];

export async function checkSchemas(
  { report, folder }: Context,
  rendered: readonly Rendered[],
  mistakesIn: Rendered,
): Promise<void> {
  const kubeconform = await installGo('kubeconform', 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0');
  const schemas = join(folder, 'schemas');
  await mkdir(schemas);
  const location = await writeSchemas(schemas);
  const check = (file: string) =>
    finish(kubeconform, ['-strict', '-summary', '-schema-location', location, file]);

  const versions = `Kubernetes ${KUBERNETES}, KEDA ${KEDA}, Prometheus Operator ${PROMETHEUS_OPERATOR}`;
  for (const { name, file } of rendered) {
    await report.check(`${name} is right by the schemas of ${versions}`, async () => {
      const { code, output } = await check(file);
      assert.equal(code, 0, output);
      return output.trim().replace(/^Summary: /, '');
    });
  }
  await report.check('a misspelt field and a wrong type are refused', async () => {
    for (const mistake of MISTAKES) await checkMistake(check, mistakesIn, mistake);
  });
}

async function checkMistake(
  check: (file: string) => ReturnType<typeof finish>,
  { file }: Rendered,
  { find, put, refused }: (typeof MISTAKES)[number],
): Promise<void> {
  const text = await readFile(file, 'utf8');
  assert.ok(text.includes(find), `${file} has no ${find}`);
  const wrong = file.replace(/\.yaml$/, '-wrong.yaml');
  await writeFile(wrong, text.replace(find, put));
  const { code, output } = await check(wrong);
  assert.notEqual(code, 0, `${put} passed`);
  assert.match(output, refused);
}
