// deploy/kubernetes: kustomize builds it, kubeconform knows every field of it, its numbers and names agree with each
// other and with the server's, and a real API server takes it.

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { checkApi } from './kubernetes/check-api.js';
import { checkMeaning } from './kubernetes/check-meaning.js';
import { checkScaling } from './kubernetes/check-scaling.js';
import { checkSchemas } from './kubernetes/check-schemas.js';
import { type Rendered, render, renderRules } from './kubernetes/sources.js';
import type { Context, Part } from './part.js';

export const part: Part = { name: 'kubernetes', run };

/** The API server is compiled from its modules, which takes ten minutes when it is done for the first time. */
export const apiPart: Part = { name: 'kubernetes-api', run: runApi };

async function run(context: Context): Promise<void> {
  const here = await into(context, 'kubernetes');
  const { rendered, all } = await renderChecked(here);
  await checkSchemas(here, all, rendered.find(({ name }) => name === 'prometheus-operator')!);
  await checkMeaning(here, rendered);
  await checkScaling(here, rendered);
}

async function runApi(context: Context): Promise<void> {
  const here = await into(context, 'kubernetes-api');
  await checkApi(here, (await renderChecked(here)).all);
}

async function into(context: Context, name: string): Promise<Context> {
  const folder = join(context.folder, name);
  await mkdir(folder);
  return { ...context, folder };
}

async function renderChecked(
  here: Context,
): Promise<{ readonly rendered: readonly Rendered[]; readonly all: readonly Rendered[] }> {
  const rendered: Rendered[] = [];
  await here.report.check('kustomize builds the base, every overlay, and one of a user’s own', async () => {
    rendered.push(...(await renderAll(here)));
    return rendered.map(({ name }) => name).join(', ');
  });
  return { rendered, all: [...rendered, await renderRules(here.project, here.folder)] };
}

async function renderAll({ project, folder }: Context): Promise<readonly Rendered[]> {
  const source = join(project, 'deploy/kubernetes');
  const rendered = [await render('base', join(source, 'base'), folder)];
  for (const overlay of (await readdir(join(source, 'overlays'))).sort())
    rendered.push(await render(overlay, join(source, 'overlays', overlay), folder));
  rendered.push(await render('own', await writeOwn(source, folder), folder));
  return rendered;
}

/** What docs/kubernetes.md tells to write: another namespace, image, option and count, and two components. */
async function writeOwn(source: string, folder: string): Promise<string> {
  const own = join(folder, 'own');
  await mkdir(own);
  const to = (name: string): string => relative(own, join(source, name));
  const kustomization = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: mine
resources:
  - ${to('base')}
components:
  - ${to('components/hpa')}
  - ${to('components/prometheus-operator')}
images:
  - name: ghcr.io/OWNER/oneslot
    newName: registry.example/oneslot
    newTag: 0.1.1
configMapGenerator:
  - name: oneslot
    behavior: merge
    literals:
      - ONESLOT_QUEUE_LIMIT=16
`;
  await writeFile(join(own, 'kustomization.yaml'), kustomization);
  return own;
}
