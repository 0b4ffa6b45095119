// Good predictions in every form that a body may have, with headers that change nothing in the answer.

import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { ELEMENT_BYTES, type NumericType } from '../../../src/tensor.js';
import {
  jpegSegment,
  pngBomb,
  webpChunk,
  withChunks,
  withSegments,
  withWebpChunks,
} from '../picture-files.js';
import type { Random } from '../random.js';
import { BAD, type FuzzRequest, type Generator, type Outputs } from './case.js';
import type { Material, PictureType } from './material.js';
import { randomBytes } from './mutate.js';
import { anyRight, digitsProblem, ECHOED, embeddingProblem, type Right, words } from './rights.js';

/** A request of JSON, as it is. */
export function jsonRequest(model: string, body: string | Uint8Array): FuzzRequest {
  return {
    method: 'POST',
    path: `/predict/${model}`,
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? Buffer.from(body) : body,
    statuses: BAD,
  };
}

/** A body that must be answered 400, unless it is said otherwise. */
export function wrongJson(path: string, body: string | Uint8Array): FuzzRequest {
  return { ...jsonRequest('', body), path };
}

export function rightRequest({ model, inputs, problemOf }: Right): FuzzRequest {
  return { ...jsonRequest(model, JSON.stringify({ inputs })), statuses: [200], problemOf };
}

export const goodJson: Generator = (random, material) => rightRequest(anyRight(random, material));

/** The face detector takes ten times as long as all others, so it is seldom asked. */
export const goodPicture: Generator = (random, { drawings }) => {
  const { label, type, file } = random.pick(drawings);
  if (random.below(20) === 0)
    return { ...ofType('face-detector', `image/${type}`, file), problemOf: facesProblem };
  return { ...ofType('digits', `image/${type}`, file), problemOf: digitsProblem([label]) };
};

function facesProblem({ boxes, scores }: Outputs): string | undefined {
  const [rows, values] = [boxes as number[][], scores as number[]];
  return rows.length === values.length && rows.every((row) => row.length === 4) ? undefined : 'not faces';
}

/** Texts of which each would take a megabyte, if anybody read them. */
const PNG_BOMBS = (['zTXt', 'iTXt', 'iCCP'] as const).map((type) => pngBomb(type, 2 ** 20));

/** What a picture file may carry beside its pixels, and what must not matter. */
const CARRYING: Readonly<Record<PictureType, (file: Buffer, random: Random) => Buffer>> = {
  png: (file, random) =>
    withChunks(
      file,
      several(random, 30, () => random.pick(PNG_BOMBS)),
    ),
  jpeg: (file, random) =>
    withSegments(
      file,
      several(random, 30, () =>
        jpegSegment(random.pick(APP_SEGMENTS), randomBytes(random, random.below(2000))),
      ),
    ),
  webp: (file, random) =>
    withWebpChunks(
      file,
      several(random, 30, () => webpChunk(random.pick(WEBP_CHUNKS), randomBytes(random, random.below(2000)))),
    ),
};

/** From a camera's to a comment. The other ones change how pixels are read. */
const APP_SEGMENTS = [0xe3, 0xe5, 0xed, 0xef, 0xfe];
const WEBP_CHUNKS = ['XMP ', 'fuzz'];

const several = (random: Random, most: number, make: () => Buffer): Buffer[] =>
  Array.from({ length: 1 + random.below(most) }, make);

/** Much metadata, and the same picture. */
export const carryingPicture: Generator = (random, { drawings }) => {
  const { label, type, file } = random.pick(drawings);
  const body = CARRYING[type](file, random);
  return { ...ofType('digits', `image/${type}`, body), problemOf: digitsProblem([label]) };
};

export const goodText: Generator = (random) => {
  return { ...ofType('sentence-embedder', 'text/plain', words(random)), problemOf: embeddingProblem(1) };
};

/** Any bytes are a tensor of these; the model gives them back, also those of the many NaNs. */
export const goodRaw: Generator = (random) => {
  const type = random.pick(Object.keys(ELEMENT_BYTES) as NumericType[]);
  const count = random.below(20);
  const body = randomBytes(random, count * ELEMENT_BYTES[type], type === 'bool' ? 2 : 256);
  const request = ofType(`echo-${type}`, 'application/octet-stream', body);
  const headers = { ...request.headers, accept: 'application/octet-stream' };
  const problemOf = (_outputs: unknown, raw: Buffer) =>
    raw.equals(body) ? undefined : 'other bytes came back';
  return { ...request, headers, problemOf };
};

/** Values in JSON to raw bytes that mean the same. */
export const goodMixed: Generator = (random) => {
  const values = Array.from({ length: random.below(9) }, () => random.pick(ECHOED.int16) as number);
  const expected = Buffer.from(Int16Array.from(values).buffer);
  const request = jsonRequest(
    'echo-int16',
    JSON.stringify({ outputs: ['output'], inputs: { input: values } }),
  );
  const headers = { ...request.headers, accept: 'application/octet-stream;q=1, application/json;q=0.5' };
  const problemOf = (_outputs: unknown, raw: Buffer) => (raw.equals(expected) ? undefined : 'other bytes');
  return { ...request, headers, statuses: [200], problemOf };
};

export function ofType(model: string, type: string, body: string | Uint8Array): FuzzRequest {
  const request = jsonRequest(model, body);
  return { ...request, headers: { ...request.headers, 'content-type': type }, statuses: [200] };
}

type Dress = (request: FuzzRequest, random: Random) => FuzzRequest;

const CODERS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

const compressed: Dress = (request, random) => {
  const coding = random.pick(Object.keys(CODERS) as (keyof typeof CODERS)[]);
  return { ...withHeader(request, 'content-encoding', coding), body: CODERS[coding](request.body) };
};

const chunked: Dress = (request) => withHeader(request, 'transfer-encoding', 'chunked');
const askingFirst: Dress = (request) => withHeader(request, 'expect', '100-continue');
const urgent: Dress = (request, random) => withHeader(request, 'priority', `u=${random.below(8)}`);
const named: Dress = (request, random) => withHeader(request, 'x-request-id', `fuzz-${random.uint32()}`);
const patient: Dress = (request) => ({ ...withHeader(request, 'prefer', 'wait=60'), hasDeadline: true });

/** A raw answer can't be had as events. */
const streamed: Dress = (request) =>
  request.headers.accept === undefined ? withHeader(request, 'accept', 'text/event-stream') : request;

const DRESSES = [compressed, chunked, askingFirst, urgent, named, patient, streamed];

/** With up to two of the headers that a good client may send. */
export function dressed(request: FuzzRequest, random: Random): FuzzRequest {
  const dresses = Array.from({ length: random.below(3) }, () => random.pick(DRESSES));
  return [...new Set(dresses)].reduce((result, dress) => dress(result, random), request);
}

export function withHeader(request: FuzzRequest, name: string, value: string | string[]): FuzzRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

const GOOD: readonly Generator[] = [
  ...[goodJson, goodJson, goodJson, goodJson, goodPicture, goodPicture, goodText, goodText],
  ...[goodRaw, goodRaw, goodMixed, goodMixed, carryingPicture],
];

export function anyGood(random: Random, material: Material): FuzzRequest {
  return dressed(random.pick(GOOD)(random, material), random);
}
