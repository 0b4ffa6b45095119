// Kubernetes objects as they come out of YAML: of no known type until a check looks.

import assert from 'node:assert/strict';

export type Json = string | number | boolean | null | readonly Json[] | Fields;

export interface Fields {
  readonly [name: string]: Json;
}

export interface KubernetesObject extends Fields {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Fields;
}

/** @throws Error when there is not exactly one of the kind */
export function theOnly(kind: string, objects: readonly KubernetesObject[]): KubernetesObject {
  const found = objects.filter((object) => object.kind === kind);
  assert.equal(found.length, 1, `there are ${found.length} of kind ${kind}`);
  return found[0]!;
}

/**
 * @param path names and indices, e.g. `spec.template.spec.containers.0`; a name that has dots itself is last or in none
 * @returns undefined where nothing is there
 */
export function valueAt(from: Json, path: string): Json | undefined {
  let value: Json | undefined = from;
  for (const name of path.split('.')) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Fields)[name];
  }
  return value;
}

export function fieldsAt(from: Json, path: string): Fields {
  const value = valueAt(from, path);
  assert.ok(isFields(value), `${path} is no object`);
  return value;
}

export function listAt(from: Json, path: string): readonly Fields[] {
  const value = valueAt(from, path);
  assert.ok(Array.isArray(value), `${path} is no list`);
  return value;
}

export function textAt(from: Json, path: string): string {
  const value = valueAt(from, path);
  assert.equal(typeof value, 'string', `${path} is no text`);
  return value as string;
}

export function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
