// One run on a loaded model: a single prediction, or several joined into a batch.

import type * as Ort from 'onnxruntime-node';
import type { Tensors } from '../tensor.js';
import { AnswerTooLarge, takeOutputs } from './answer-limit.js';
import type { LoadedModel } from './loaded-model.js';
import { runMessage } from './ort-error.js';
import { toOrt } from './ort-tensors.js';
import { fetchesFor } from './output-names.js';
import type { PredictionId, RunResult } from './protocol.js';
import { faultOf } from './run-failure.js';
import { stack, unstack } from './stack.js';

export interface RunInput {
  readonly id: PredictionId;
  readonly inputs: Tensors;
  readonly outputs: readonly string[];
}

/** What all runs of this process have in common. */
export interface Running {
  readonly ort: typeof Ort;
  /** What the outputs of one prediction may take together. */
  readonly maxAnswerBytes: number;
}

/**
 * Runs the batch together; where that fails, one by one, so that a bad input costs only its sender.
 * Never rejects: what fails is in the results.
 */
export async function runAll(
  running: Running,
  model: LoadedModel,
  batch: readonly RunInput[],
): Promise<RunResult[]> {
  if (batch.length > 1) {
    try {
      return await runBatch(running, model, batch);
    } catch {
      // Whose fault it was shows in the single runs.
    }
  }
  const results: RunResult[] = [];
  for (const input of batch) results.push(await runSingle(running, model, input));
  return results;
}

async function runSingle(running: Running, model: LoadedModel, input: RunInput): Promise<RunResult> {
  try {
    const outputs = await runTensors(running, model, input);
    return { id: input.id, ok: true, outputs };
  } catch (error) {
    const { id } = input;
    const message = runMessage(error, model.path);
    if (error instanceof AnswerTooLarge)
      return { id, ok: false, code: 'answer_too_large', message, fault: 'model' };
    const fault = faultOf(message, model.report.provider);
    return { id, ok: false, code: 'run_failed', message, fault };
  }
}

/** Feeds and fetches once. Rejects with ONNX Runtime's own error, or with AnswerTooLarge. */
export async function runTensors(
  { ort, maxAnswerBytes }: Running,
  model: Pick<LoadedModel, 'session'>,
  { inputs, outputs }: Pick<RunInput, 'inputs' | 'outputs'>,
): Promise<Tensors> {
  // Without a prototype, which an input called `__proto__` would replace.
  const feeds: Record<string, Ort.Tensor> = Object.create(null);
  for (const name in inputs) feeds[name] = toOrt(ort, inputs[name]!);
  const { session } = model;
  const fetched = await session.run(feeds, fetchesFor(outputs, session.outputNames));
  return takeOutputs(fetched, outputs, maxAnswerBytes);
}

async function runBatch(
  running: Running,
  model: LoadedModel,
  batch: readonly RunInput[],
): Promise<RunResult[]> {
  const axes = model.batchAxes!;
  const names = Object.keys(batch[0]!.inputs);
  const joined = Object.fromEntries(
    names.map((name) => [
      name,
      stack(
        batch.map(({ inputs }) => inputs[name]!),
        axes.inputs[name]!,
      ),
    ]),
  );
  const rows = batch.map(({ inputs }) => inputs[names[0]!]!.dims[axes.inputs[names[0]!]!]!);
  const wanted = [...new Set(batch.flatMap(({ outputs }) => outputs))];
  const outputs = await runTensors(running, model, { inputs: joined, outputs: wanted });
  const parts = new Map(wanted.map((name) => [name, unstack(outputs[name]!, axes.outputs[name]!, rows)]));
  return batch.map((input, index) => ({
    id: input.id,
    ok: true,
    outputs: Object.fromEntries(input.outputs.map((name) => [name, parts.get(name)![index]!])),
  }));
}
