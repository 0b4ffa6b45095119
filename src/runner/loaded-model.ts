// A model in the runner, as it can be run.

import type * as Ort from 'onnxruntime-node';
import type { LoadReport } from '../model-repository/model.js';

/** For every input and output the axis along which predictions are joined. */
export interface BatchAxes {
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
}

export interface LoadedModel {
  /** Of its file. */
  readonly path: string;
  readonly session: Ort.InferenceSession;
  readonly batchAxes: BatchAxes | undefined;
  readonly report: LoadReport;
}
