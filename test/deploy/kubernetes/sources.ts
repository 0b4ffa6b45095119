// Where the checks have their files from: kustomize's output, YAML as objects, and files of Go modules.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../support/programs/command.js';
import { installGo, installPython } from '../../support/programs/packages.js';
import type { Json, KubernetesObject } from './objects.js';

/** YAML 1.1 as Kubernetes' own parser and kustomize have it; dates stay text, as they are there. */
const TO_JSON = `
import json, sys, yaml
base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
class Loader(base): pass
Loader.yaml_implicit_resolvers = {
  first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
  for first, resolvers in base.yaml_implicit_resolvers.items()
}
documents = [each for file in sys.argv[1:] for each in yaml.load_all(open(file), Loader)]
json.dump([each for each in documents if each is not None], sys.stdout)
`;

/** The documents of all the files, in their order. */
export async function readYaml(files: readonly string[]): Promise<readonly Json[]> {
  const programs = await installPython('yaml', ['PyYAML==6.0.3']);
  return JSON.parse(await run(join(programs, 'python'), ['-c', TO_JSON, ...files])) as Json[];
}

/** What `kubectl apply -k` would apply. */
export interface Rendered {
  readonly name: string;
  /** One YAML file. */
  readonly file: string;
  readonly objects: readonly KubernetesObject[];
}

/**
 * @param name of the result's file
 * @param source folder of a kustomization
 * @param folder where the result goes
 */
export async function render(name: string, source: string, folder: string): Promise<Rendered> {
  const kustomize = await installGo('kustomize', 'sigs.k8s.io/kustomize/kustomize/v5@v5.8.2');
  return keep(name, await run(kustomize, ['build', source]), folder);
}

/** Prometheus' rules as its operator takes them. */
export async function renderRules(project: string, folder: string): Promise<Rendered> {
  const script = join(project, 'deploy/kubernetes/prometheus-rules.sh');
  return keep('prometheus-rules.sh', await run('sh', [script]), folder);
}

async function keep(name: string, text: string, folder: string): Promise<Rendered> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, text);
  return { name, file, objects: (await readYaml([file])) as readonly KubernetesObject[] };
}

/**
 * @param module with its version
 * @returns the folder that has its files
 */
export async function goModule(module: string): Promise<string> {
  return JSON.parse(await run('go', ['mod', 'download', '-json', module])).Dir;
}
