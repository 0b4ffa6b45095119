// The little that is read of Triton's config.pbtxt: whether the model is ONNX at all, and what its file is called.

import { join } from 'node:path';
import { readTextFile } from '../json/json-file.js';

export const TRITON_CONFIG = 'config.pbtxt';
const DEFAULT_FILE = 'model.onnx';

export interface TritonConfig {
  /** Name of the model's file in its version folder. */
  readonly modelFile: string;
  /** What runs the model instead of ONNX Runtime, e.g. `tensorrt_plan`, `python`, `ensemble`. */
  readonly otherBackend?: string;
  /** Versions are chosen by name there; here the highest is served all the same. */
  readonly choosesVersions: boolean;
}

const ONNX_BACKENDS = ['onnxruntime', 'onnxruntime_onnx', ''];

/** Missing, it says the same as an empty one. Rejects with an Error when it names a file in another folder. */
export async function readTritonConfig(folder: string): Promise<TritonConfig> {
  const file = join(folder, TRITON_CONFIG);
  const text = ((await readTextFile(file)) ?? '').replace(/#.*/g, '');
  const backends = [fieldOf(text, 'platform'), fieldOf(text, 'backend')].filter((name) => name !== undefined);
  const modelFile = fieldOf(text, 'default_model_filename') || DEFAULT_FILE;
  if (/[\\/]/.test(modelFile) || modelFile.startsWith('.')) {
    const got = JSON.stringify(modelFile);
    throw new Error(
      `${file}: default_model_filename: expected the name of a file in the version folder, got ${got}`,
    );
  }
  const isOnnx = modelFile.endsWith('.onnx') || backends.some((name) => name !== '');
  const otherBackend =
    backends.find((name) => !ONNX_BACKENDS.includes(name)) ?? (isOnnx ? undefined : modelFile);
  return {
    modelFile,
    ...(otherBackend !== undefined && { otherBackend }),
    choosesVersions: /\bversion_policy\s*:?\s*\{\s*specific\b/.test(text),
  };
}

/** Value of a text field. No field of these names is nested in another one. */
function fieldOf(text: string, name: string): string | undefined {
  return new RegExp(`\\b${name}\\s*:\\s*(?:"([^"\\n]*)"|'([^'\\n]*)')`)
    .exec(text)
    ?.slice(1)
    .find((value) => value !== undefined);
}
