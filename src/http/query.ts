// What a predict request's query says: the outputs that are asked for, whatever the form of the body.

import { checkOutput, noOutputs } from '../codecs/outputs.js';
import type { Signature } from '../tensor.js';

/**
 * The names of `?outputs=a,b`; undefined where the query names none. Other parameters are not read.
 * @throws ServiceError `invalid_input` that names an output which the model does not have, `bad_request` for one that is
 * asked for twice, and for an empty list.
 */
export function queriedOutputs(url: string, { outputs }: Signature): readonly string[] | undefined {
  const start = url.indexOf('?');
  if (start === -1) return undefined;
  const lists = new URLSearchParams(url.slice(start + 1)).getAll('outputs');
  if (lists.length === 0) return undefined;
  const text = lists.join(',');
  if (text === '') throw noOutputs();
  const known = outputs.map(({ name }) => name);
  const names: string[] = [];
  for (const name of text.split(',')) {
    checkOutput(name, { known, before: names });
    names.push(name);
  }
  return names;
}
