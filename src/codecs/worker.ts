// What a worker thread does: one job at a time, its result handed over without a copy.

import { move, transferableSymbol, valueSymbol } from 'piscina';
import { type ErrorCode, ServiceError } from '../errors.js';
import { type Answer, writeAnswer } from './answer.js';
import { type JsonRequest, type RequestPlan, readRequest } from './json-request.js';

export type Job =
  | { readonly kind: 'read'; readonly body: Uint8Array; readonly plan: RequestPlan }
  | { readonly kind: 'write'; readonly answer: Answer };

/** A ServiceError is a value here: as an error it would lose its class and its code on the way. */
export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

export default function run(job: Job): unknown {
  try {
    return job.kind === 'read' ? moved(...read(job)) : moved(...write(job));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { ok: false, code: error.code, message: error.message } satisfies Outcome<never>;
  }
}

type Moved<Value> = readonly [value: Value, buffers: ArrayBufferLike[]];

function read({ body, plan }: Job & { kind: 'read' }): Moved<JsonRequest> {
  const request = readRequest(body, plan);
  const buffers = request.inputs.flatMap(([, tensor]) =>
    tensor.type === 'string' ? [] : [tensor.bytes.buffer],
  );
  return [request, buffers];
}

function write({ answer }: Job & { kind: 'write' }): Moved<Uint8Array> {
  const text = writeAnswer(answer);
  return [text, [text.buffer]];
}

function moved<Value>(value: Value, buffers: ArrayBufferLike[]): unknown {
  const outcome: Outcome<Value> = { ok: true, value };
  return move({ [transferableSymbol]: buffers, [valueSymbol]: outcome } as never);
}
