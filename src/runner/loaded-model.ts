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
  session: Ort.InferenceSession;
  /** Opens the session anew without an arena; undefined where it has none. Once: a failed try is no reason for another. */
  openWithoutArena?: (() => Promise<Ort.InferenceSession | undefined>) | undefined;
  readonly batchAxes: BatchAxes | undefined;
  readonly report: LoadReport;
}
