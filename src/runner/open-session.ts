// Opens a model's session. Where its inputs and outputs are all tensors of types that onnxruntime-node knows, and that is the
// rule, the file goes to ONNX Runtime as it is; else it is looked into, and fitted as far as it can be.

import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { ELEMENT_TYPES } from '../tensor.js';
import { type FittedModel, fitModel } from './fit-model.js';
import { forSecondSession } from './profile.js';
import { merged, type SessionExtra } from './session-options.js';

export interface OpenedSession extends Pick<FittedModel, 'mapKeys' | 'leftOut'> {
  readonly session: Ort.InferenceSession;
}

/** Rejects with ONNX Runtime's own error, or with one that names what can't be fed, and the cure. */
export async function openSession(
  ort: typeof Ort,
  path: string,
  options: Ort.InferenceSession.SessionOptions,
): Promise<OpenedSession> {
  const session = await openAsItIs(ort, path, options);
  if (session !== undefined) return { session, mapKeys: new Map(), leftOut: [] };
  const { bytes, ...rest } = fitModel(await readFile(path));
  const extra = merged(options.extra as SessionExtra, { session: { [WEIGHTS_FOLDER]: dirname(path) } });
  return {
    session: await ort.InferenceSession.create(bytes, { ...forSecondSession(options), extra }),
    ...rest,
  };
}

/** Where the weights lie that the file names: ONNX Runtime does not know where its bytes come from. */
const WEIGHTS_FOLDER = 'model_external_initializers_file_folder_path';

/** Undefined where it has inputs or outputs that onnxruntime-node does not know. */
async function openAsItIs(
  ort: typeof Ort,
  path: string,
  options: Ort.InferenceSession.SessionOptions,
): Promise<Ort.InferenceSession | undefined> {
  let session: Ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(path, options);
  } catch (error) {
    if (/unsupported (?:data|tensor|element)?\s*type/i.test(String(error))) return undefined;
    throw error;
  }
  const values = [...session.inputMetadata, ...session.outputMetadata];
  const isKnown = (value: Ort.InferenceSession.ValueMetadata): boolean =>
    value.isTensor && (ELEMENT_TYPES as readonly string[]).includes(value.type);
  if (values.every(isKnown)) return session;
  await session.release();
  return undefined;
}
