// One run on a loaded model: a single prediction, or several joined into a batch.

import type * as Ort from 'onnxruntime-node';
import { type Tensors, tensorsBytes } from '../tensor.js';
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
  /** Sends these results of a run that goes on, and resolves when there is room for another answer. */
  readonly answer: (results: readonly RunResult[]) => Promise<void>;
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
  return await runOneByOne(running, model, batch);
}

/** Each alone may have an answer of the largest size. What is there goes before the next one might be too much beside it. */
async function runOneByOne(
  running: Running,
  model: LoadedModel,
  batch: readonly RunInput[],
): Promise<RunResult[]> {
  const answered: RunResult[] = [];
  let results: RunResult[] = [];
  let bytes = 0;
  for (const input of batch) {
    if (bytes > FEW_BYTES) {
      await running.answer(results);
      answered.push(...results.map(withoutOutputs));
      results = [];
      bytes = 0;
    }
    const result = await runSingle(running, model, input);
    results.push(result);
    if (result.ok) bytes += tensorsBytes(result.outputs);
  }
  return [...answered, ...results];
}

/** Answers that are gathered until the run ends. */
const FEW_BYTES = 2 ** 20;

/** They travel beside the message. */
export const withoutOutputs = (result: RunResult): RunResult =>
  result.ok ? { ...result, outputs: {} } : result;

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
  { ort, maxAnswerBytes }: Pick<Running, 'ort' | 'maxAnswerBytes'>,
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
