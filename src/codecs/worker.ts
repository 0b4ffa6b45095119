// What a worker thread does: one job at a time, its result handed over without a copy.

import { constants, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { type ErrorCode, ServiceError } from '../errors.js';
import { type Answer, writeAnswer } from './answer.js';
import { type Part, type Piece, writePart } from './answer-pieces.js';
import type { GivenInputs } from './inputs.js';
import { type JsonRequest, type RequestPlan, readRequest } from './json-request.js';
import { gathered, isInPieces, type Pieces } from './pieces.js';
import { type PictureFile, stripPicture } from './strip.js';
import { readText, type TextPlan } from './text.js';

export type ReadJob =
  | { readonly kind: 'request'; readonly body: Uint8Array | Pieces; readonly plan: RequestPlan }
  | { readonly kind: 'text'; readonly body: Uint8Array | Pieces; readonly plan: TextPlan };

export type Job =
  | ReadJob
  | { readonly kind: 'part'; readonly part: Part }
  | { readonly kind: 'picture'; readonly body: Uint8Array; readonly file: Omit<PictureFile, 'body'> }
  | { readonly kind: 'answer'; readonly answer: Answer };

/** A ServiceError is a value here: as an error it would lose its class and its code on the way. */
export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** On Linux a thread has a priority of its own. With few cores, who asks the event loop goes before who sent 50 MB. */
if (!isMainThread && process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

export default function run(job: Job): unknown {
  try {
    return moved(...done(job));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { ok: false, code: error.code, message: error.message } satisfies Outcome<never>;
  }
}

type Done<Value> = readonly [value: Value, buffers: ArrayBufferLike[]];

function done(job: Job): Done<JsonRequest | GivenInputs[number] | Uint8Array | Piece> {
  switch (job.kind) {
    case 'request': {
      const request = readRequest(wholeOf(job.body), job.plan);
      return [request, request.inputs.map(([, { bytes }]) => bytes.buffer)];
    }
    case 'text': {
      const input = readText(wholeOf(job.body), job.plan);
      return [input, [input[1].bytes.buffer]];
    }
    case 'picture': {
      const stripped = stripPicture({ ...job.file, body: job.body });
      return [stripped, [stripped.buffer]];
    }
    case 'part': {
      const piece = writePart(job.part);
      return [piece, [piece.text.buffer]];
    }
    case 'answer': {
      const text = writeAnswer(job.answer);
      return [text, [text.buffer]];
    }
  }
}

const wholeOf = (body: Uint8Array | Pieces): Uint8Array => (isInPieces(body) ? gathered(body) : body);

function moved<Value>(value: Value, buffers: ArrayBufferLike[]): unknown {
  const outcome: Outcome<Value> = { ok: true, value };
  return move({ [transferableSymbol]: buffers, [valueSymbol]: outcome } as never);
}
