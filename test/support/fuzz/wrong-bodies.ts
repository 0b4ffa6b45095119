// Bodies that are no JSON and wrong: raw tensors, pictures, texts, and what a content coding hides.

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { FuzzRequest, Generator } from './case.js';
import { jsonRequest, ofType, withHeader } from './good.js';
import { partsOf, wordsOf } from './lists.js';
import { mutate, mutateOften, randomBytes } from './mutate.js';

/** Larger than any body may become. */
const BOMB_BYTES = 2 * 1024 * 1024;

const SIZES = wordsOf('0 1 2 8 64 65536 4294967295 4294967296 999999999999999');

const SHAPED = wordsOf('wide digits sum-rows zero-rows echo-float64 echo-bool echo-int64 face-detector');

/** Whatever sizes, mostly far beyond the body. A shape without an element fits the empty body. */
const shapes: Generator = (random) => {
  const model = random.pick(SHAPED);
  const shape = Array.from({ length: 1 + random.below(4) }, () => random.pick(SIZES));
  const body = random.below(2) === 0 ? Buffer.alloc(0) : randomBytes(random, random.below(600));
  return { ...raw(model, body, shape.join(',')), statuses: [200, 400] };
};

const OVERFLOWING = [
  ...partsOf(
    '-1|1e3|0x8|1.5|1,,8|,|1,|a|1 8|1;8|٣|+1|1,-8,8|NaN|1,8,8,|0,999999999999999|0,4611686018427387904',
  ),
  ...wordsOf('9007199254740993 18446744073709551616 4294967296,4294967296 999999999999999,999999999999999'),
  ...['1'.repeat(4000), '1,'.repeat(3000)],
];

const overflowing: Generator = (random) => {
  const model = random.pick(SHAPED);
  return raw(model, randomBytes(random, 8 * random.below(20)), random.pick(OVERFLOWING));
};

const wrongLengths: Generator = (random) => {
  const [model, element] = random.pick([
    ['wide', 4],
    ['digits', 256],
    ['zero-rows', 16],
    ['echo-int64', 8],
    ['echo-float16', 2],
  ] as const);
  const length = element * random.below(20) + 1 + random.below(element - 1);
  return raw(model, randomBytes(random, length));
};

/** Its shape and its size do not agree. */
const wrongCounts: Generator = (random) => {
  const count = random.below(100);
  const claimed = count + 1 + random.below(10);
  return raw('wide', randomBytes(random, 4 * count), String(claimed));
};

const noBooleans: Generator = (random) =>
  raw('echo-bool', Buffer.concat([randomBytes(random, random.below(20)), Buffer.of(2 + random.below(254))]));

function raw(model: string, body: Uint8Array, shape?: string): FuzzRequest {
  const request = { ...ofType(model, 'application/octet-stream', body), statuses: [400] };
  return shape === undefined
    ? request
    : withHeader(request, 'tensor-shape', Buffer.from(shape).toString('latin1'));
}

const cutPictures: Generator = (random, { drawings }) => {
  const { type, file } = random.pick(drawings);
  const model = random.pick(['digits', 'face-detector']);
  const cut = file.subarray(0, random.below(Math.ceil(file.length / 2)));
  return { ...ofType(model, `image/${type}`, cut), statuses: [400] };
};

/** Some damage can be read all the same, and some makes a picture of too many pixels. */
const damagedPictures: Generator = (random, { drawings }) => {
  const { type, file } = random.pick(drawings);
  return { ...ofType('digits', `image/${type}`, mutateOften(file, random, 5)), statuses: [200, 400, 413] };
};

const hugePictures: Generator = (random, { hugePictures }) => {
  const { type, file } = random.pick(hugePictures);
  const model = random.pick(['digits', 'face-detector']);
  return { ...ofType(model, `image/${type}`, file), statuses: [413] };
};

const OTHER_FORMATS = partsOf(
  'GIF89a\x01\x00\x01\x00|<svg xmlns="http://www.w3.org/2000/svg"/>|BM|II*\0|%PDF-1.7|',
);

const otherPictures: Generator = (random, { drawings }) => {
  const { type, file } = random.pick(drawings);
  const claimed = random.pick(['png', 'jpeg', 'webp'].filter((each) => each !== type));
  const body = random.below(2) === 0 ? file : Buffer.from(random.pick(OTHER_FORMATS), 'latin1');
  return { ...ofType('digits', `image/${claimed}`, body), statuses: [400] };
};

const tooLargePicture: Generator = (_random, { astronaut }) => {
  return { ...ofType('face-detector', 'image/png', astronaut), statuses: [413] };
};

/** No UTF-8, or text that no model can be given. */
const wrongTexts: Generator = (random) => {
  const wrong = Buffer.of(random.pick([0xff, 0xc0, 0xed, 0]));
  const text = Buffer.concat([randomBytes(random, random.below(9)), wrong, randomBytes(random, 2, 64)]);
  return { ...ofType('sentence-embedder', 'text/plain; charset=latin1', text), statuses: [400] };
};

const wrongForms: Generator = (random) => {
  const [model, type] = random.pick([
    ['digits', 'text/plain'],
    ['burn', 'image/png'],
    ['two-in-two-out', 'application/octet-stream'],
    ['echo-string', 'application/octet-stream'],
    ['sentence-embedder', 'image/webp'],
    ['digits', 'image/gif'],
  ] as const);
  return { ...ofType(model, type, randomBytes(random, random.below(100))), statuses: [415] };
};

const BOMBS = ['0', ' ', '[', '{"inputs":', '\0'].flatMap((unit) => {
  const text = unit.repeat(BOMB_BYTES / unit.length);
  return [
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
  ] as const;
});

const bombs: Generator = (random) => {
  const [coding, body] = random.pick(BOMBS);
  const model = random.pick(['digits', 'wide', 'sentence-embedder']);
  const type = random.pick([
    'application/json',
    model === 'sentence-embedder' ? 'text/plain' : 'application/octet-stream',
  ]);
  return { ...withHeader(ofType(model, type, body), 'content-encoding', coding), statuses: [413] };
};

const RIGHT_BODY = Buffer.from(JSON.stringify({ inputs: { x: Array(200).fill(0.5) } }));
const STREAMS = [
  ['gzip', gzipSync(RIGHT_BODY)],
  ['deflate', deflateSync(RIGHT_BODY)],
  ['br', brotliCompressSync(RIGHT_BODY)],
] as const;

const brokenStreams: Generator = (random) => {
  const [coding, stream] = random.pick(STREAMS);
  const broken = random.pick([
    stream.subarray(0, random.below(stream.length - 9)),
    RIGHT_BODY,
    deflateRawSync(RIGHT_BODY).subarray(3),
    Buffer.concat([Buffer.of(0xff), stream]),
  ]);
  return { ...withHeader(jsonRequest('wide', broken), 'content-encoding', coding), statuses: [400] };
};

/** A checksum may be all that is wrong, or what lies behind the end. */
const damagedStreams: Generator = (random) => {
  const [coding, stream] = random.pick(STREAMS);
  return {
    ...withHeader(jsonRequest('wide', mutate(stream, random)), 'content-encoding', coding),
    statuses: [200, 400, 413],
  };
};

const TENSORS = { shapes, overflowing, wrongLengths, wrongCounts, noBooleans };
const PICTURES = { cutPictures, damagedPictures, hugePictures, otherPictures, tooLargePicture };
const CODINGS = { bombs, brokenStreams, damagedStreams };

export const WRONG_BODIES: Readonly<Record<string, Generator>> = {
  ...TENSORS,
  ...PICTURES,
  ...CODINGS,
  wrongTexts,
  wrongForms,
};
