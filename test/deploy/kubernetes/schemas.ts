// Schemas for kubeconform, made from what the projects themselves publish in their Go modules: Kubernetes' OpenAPI
// document, and the CustomResourceDefinitions of KEDA and the Prometheus Operator. No field that they do not name is
// let through.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fields, fieldsAt, isFields, type Json, listAt, textAt, valueAt } from './objects.js';
import { goModule, readYaml } from './sources.js';

/** The versions that docs/kubernetes.md names. */
export const KUBERNETES = '1.37.2';
export const KEDA = '2.21.0';
export const PROMETHEUS_OPERATOR = '0.85.0';

export const KEDA_MODULE = `github.com/kedacore/keda/v2@v${KEDA}`;

const CUSTOM_RESOURCES = [
  { module: KEDA_MODULE, file: 'config/crd/bases/keda.sh_scaledobjects.yaml' },
  {
    module: `github.com/prometheus-operator/prometheus-operator@v${PROMETHEUS_OPERATOR}`,
    file: 'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
  },
  {
    module: `github.com/prometheus-operator/prometheus-operator@v${PROMETHEUS_OPERATOR}`,
    file: 'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
  },
];

const REFERENCE = '#/definitions/';

/** @returns kubeconform's `-schema-location` for them */
export async function writeSchemas(folder: string): Promise<string> {
  await writeBuiltIn(folder);
  for (const definition of await readYaml(await customResourceFiles())) await writeCustom(folder, definition);
  return join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json');
}

/** The CustomResourceDefinitions of the kinds in use. */
export async function customResourceFiles(): Promise<readonly string[]> {
  return Promise.all(CUSTOM_RESOURCES.map(async ({ module, file }) => join(await goModule(module), file)));
}

async function writeBuiltIn(folder: string): Promise<void> {
  const module = await goModule(`k8s.io/kubernetes@v${KUBERNETES}`);
  const document = JSON.parse(await readFile(join(module, 'api/openapi-spec/swagger.json'), 'utf8')) as Json;
  const definitions = fieldsAt(document, 'definitions');
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = valueAt(definition, 'x-kubernetes-group-version-kind');
    // Those that are of several groups are no objects to be applied, but options of requests.
    if (!Array.isArray(kinds) || kinds.length !== 1) continue;
    const used = usedBy(name, definitions);
    const strict = Object.fromEntries([...used].map((each) => [each, strictOf(definitions[each]!)]));
    await writeSchema(folder, kinds[0], { $ref: REFERENCE + name, definitions: strict });
  }
}

async function writeCustom(folder: string, definition: Json): Promise<void> {
  const kind = textAt(definition, 'spec.names.kind');
  const group = textAt(definition, 'spec.group');
  for (const version of listAt(definition, 'spec.versions')) {
    const schema = strictOf(fieldsAt(version, 'schema.openAPIV3Schema'));
    await writeSchema(folder, { group, kind, version: textAt(version, 'name') }, schema);
  }
}

/** By the name that kubeconform looks for: its KindSuffix is the first part of the group, and the version. */
async function writeSchema(folder: string, kind: Fields, schema: Json): Promise<void> {
  const group = textAt(kind, 'group').split('.')[0]!;
  const parts = [textAt(kind, 'kind'), group, textAt(kind, 'version')].filter((part) => part !== '');
  await writeFile(join(folder, `${parts.join('-').toLowerCase()}.json`), JSON.stringify(schema));
}

/** The definition itself and all that it leads to. */
function usedBy(name: string, definitions: Fields, used = new Set<string>()): Set<string> {
  if (used.has(name)) return used;
  used.add(name);
  for (const [, next] of JSON.stringify(definitions[name]).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g))
    usedBy(next!, definitions, used);
  return used;
}

/** As OpenAPI means it, with no unknown field let through. */
function strictOf(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(strictOf);
  if (!isFields(schema)) return schema;
  if (schema.format === 'int-or-string' || isQuantity(schema)) return { type: ['string', 'number'] };
  const strict = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, strictField(key, value)]),
  );
  return isClosed(schema) ? { ...strict, additionalProperties: false } : strict;
}

/** The names of properties are no keywords of a schema. */
function strictField(key: string, value: Json): Json {
  if (key !== 'properties' || !isFields(value)) return strictOf(value);
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, strictOf(schema)]));
}

/** Kubernetes' document calls it a string, and takes numbers. */
function isQuantity({ type, description }: Fields): boolean {
  return (
    type === 'string' &&
    typeof description === 'string' &&
    description.startsWith('Quantity is a fixed-point')
  );
}

function isClosed(schema: Fields): boolean {
  return (
    isFields(schema.properties) &&
    schema.additionalProperties === undefined &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  );
}
