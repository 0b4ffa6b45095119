// Which outputs a request asks for: held against the model's, wherever the request says it.

import { ServiceError } from '../errors.js';
import { noSuch } from '../nearest.js';

interface Asked {
  /** The model's own, by name. */
  readonly known: readonly string[];
  /** What the same request has asked for already. */
  readonly before: readonly string[];
}

/** @throws ServiceError `invalid_input` where the model has no such output, `bad_request` where it is asked for twice. */
export function checkOutput(name: string, { known, before }: Asked): void {
  if (!known.includes(name)) throw new ServiceError('invalid_input', noSuch('output', name, known));
  if (before.includes(name)) throw new ServiceError('bad_request', `output ${name} is asked for twice`);
}

export function noOutputs(): ServiceError {
  return new ServiceError('bad_request', '"outputs" is empty: name one, or leave it out');
}
