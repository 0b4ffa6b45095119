// What an environment that deploy/ sets means to the server.

import { strict as assert } from 'node:assert';
import { optionRows } from '../../src/config.js';

type Environment = Readonly<Record<string, string>>;

/** The variables that are no option of the server. */
export function unknownVariables(environment: Environment): readonly string[] {
  const known = new Set(optionRows().map(({ variable }) => variable));
  return Object.keys(environment).filter((variable) => !known.has(variable));
}

/** An option's seconds: as the environment has them, or else the default. */
export function secondsOf(variable: string, environment: Environment): number {
  const row = optionRows().find((each) => each.variable === variable);
  const value = Number(environment[variable] ?? row?.fallback);
  assert.ok(row !== undefined && Number.isFinite(value), `${variable} is ${value}`);
  return value;
}
