// A picture as an input tensor: decoded and resized by sharp, then laid out as model.json says.

import { availableParallelism } from 'node:os';
import sharp, { type OutputInfo, type Sharp } from 'sharp';
import { ServiceError } from '../errors.js';
import { typeText } from '../json/spec-text.js';
import type { ImageMapping, Model } from '../model-repository/model.js';
import { ELEMENT_BYTES, elementCount, type NumericType, type Tensor, type TensorSpec } from '../tensor.js';
import { Gate } from './gate.js';
import { checkShape } from './inputs.js';
import type { PictureType } from './media-types.js';
import { layOut } from './pixels.js';
import { brokenPicture, type PictureFile } from './strip.js';

// Every picture is another one: libvips' cache of operations would only hold on to memory.
sharp.cache(false);

export interface Picture {
  readonly mediaType: PictureType;
  readonly body: Uint8Array;
  readonly model: Model;
  /** Limit of the decompressed pixels, and of the tensor. */
  readonly maxBytes: number;
  /** Takes out of a file what is not its picture (strip.ts), where that keeps nobody waiting. */
  readonly strip: (file: PictureFile) => Uint8Array | Promise<Uint8Array>;
  readonly gate: Gate;
  /** Rejects when nobody wants it any more. */
  readonly unwanted?: Promise<never> | undefined;
}

/** Node's threads decode, and inflate bodies too: one is always left for the others. */
const UV_THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;
const AT_ONCE = Math.max(1, Math.min(UV_THREADS - 1, availableParallelism()));

/** The largest picture takes this much while it is decoded: 1.5 times its pixels, as many again at most, and its tensor. */
const DECODING_PER_BODY = 4;

/**
 * Where pictures wait to be decoded. What one takes is known from its header before a pixel is decoded, and since nothing
 * else of its file reaches the decoder (strip.ts), that is what it takes. So the bound can stand here, in the server's
 * process. A process of its own for decoding, which the kernel could limit, was weighed: it holds 60 MB where nothing is
 * decoded, makes each small picture wait for two ways through a socket, and takes with it every picture in it when one is
 * too much.
 */
export function decodingGate(maxBodyBytes: number): Gate {
  return new Gate({ atOnce: AT_ONCE, maxBytes: DECODING_PER_BODY * maxBodyBytes });
}

const BLACK = { r: 0, g: 0, b: 0 };
const WHITE = { r: 255, g: 255, b: 255 };

/** Rejects with ServiceError `invalid_input` for what is no whole picture, `body_too_large` for one of too many pixels. */
export async function decodePicture(picture: Picture): Promise<readonly [string, Tensor]> {
  const { model, mediaType, maxBytes } = picture;
  const mapping = model.settings.image!;
  const spec = model.signature.inputs.find(({ name }) => name === mapping.input)!;
  checkBeginning(picture, spec);
  const body = await picture.strip({ mediaType, body: picture.body, input: spec.name });
  const options = { failOn: 'error', autoOrient: true } as const;
  const header = sharp(body, { ...options, limitInputPixels: false });
  const size = await checkedSize(header, { mapping, spec, maxBytes });
  const dims = dimsOf(mapping, size);
  checkShape(spec, dims, 'the picture');
  const type = spec.type as NumericType;
  const task = async (): Promise<Uint8Array> => {
    const pixels = sharp(body, { ...options, limitInputPixels: maxBytes });
    const { data, info } = await decoded(pixels, mapping, size).catch((error: unknown) => {
      throw broken(error, spec);
    });
    return await layOut(data, info, { mapping, type });
  };
  const { gate, unwanted } = picture;
  const bytes = await gate.pass({ bytes: size.decodingBytes, task, unwanted });
  return [spec.name, { type, dims, bytes }];
}

/** How such a file begins, in hex: sharp would read what the Content-Type does not say, other formats among it. */
const BEGINNINGS: Readonly<Record<PictureType, RegExp>> = {
  'image/png': /^89504e470d0a1a0a/,
  'image/jpeg': /^ffd8ff/,
  'image/webp': /^52494646.{8}57454250/,
};

function checkBeginning({ mediaType, body }: Picture, spec: TensorSpec): void {
  const beginning = Buffer.from(body.subarray(0, 12)).toString('hex');
  if (BEGINNINGS[mediaType].test(beginning)) return;
  const got = body.length === 0 ? 'an empty body' : `a body that begins with the bytes ${beginning}`;
  throw new ServiceError('invalid_input', `input ${spec.name}: expected ${mediaType}, got ${got}`);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface CheckedSize extends Size {
  /** Memory that decoding takes at most. */
  readonly decodingBytes: number;
}

/** Interlaced and progressive pictures lie in memory whole, which took 1.3 times their pixels where it was measured. */
const WORKING_COPIES = 1.5;

interface SizeLimit {
  readonly mapping: ImageMapping;
  readonly spec: TensorSpec;
  readonly maxBytes: number;
}

/** The size that the tensor will have. From the header alone, before a pixel is decoded. */
async function checkedSize(picture: Sharp, { mapping, spec, maxBytes }: SizeLimit): Promise<CheckedSize> {
  const { autoOrient, channels, depth } = await picture.metadata().catch((error: unknown) => {
    throw broken(error, spec);
  });
  const { width, height } = autoOrient;
  const size = { width: mapping.width ?? width, height: mapping.height ?? height };
  const pixelBytes = width * height * channels * (depth === 'ushort' ? 2 : 1);
  const tensorBytes = elementCount(dimsOf(mapping, size)) * ELEMENT_BYTES[spec.type as NumericType];
  for (const [bytes, how] of [
    [pixelBytes, 'decompressed'],
    [tensorBytes, `as ${typeText(spec)}`],
  ] as const) {
    if (bytes <= maxBytes) continue;
    const message = `the picture of ${width} x ${height} pixels takes ${bytes} bytes ${how}, more than ${maxBytes}`;
    throw new ServiceError('body_too_large', message);
  }
  const outBytes = elementCount(dimsOf(mapping, size));
  return { ...size, decodingBytes: WORKING_COPIES * pixelBytes + outBytes + tensorBytes };
}

type Pixels = { readonly data: Buffer; readonly info: OutputInfo };

async function decoded(picture: Sharp, { fit, channels, invert }: ImageMapping, size: Size): Promise<Pixels> {
  // Beside the picture is its ground: white paper where dark strokes on light ground are meant.
  return await picture
    .flatten({ background: WHITE })
    .resize({ ...size, fit, background: invert ? WHITE : BLACK })
    .toColourspace(channels === 'gray' ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
}

/** sharp's reason in one line. */
function broken(error: unknown, spec: TensorSpec): ServiceError {
  const lines = (error as Error).message.split('\n').map((line) => line.replace(/[:\s]+$/, ''));
  const reason = lines.filter((line) => line !== '').join('; ');
  return brokenPicture(spec.name, reason);
}

function dimsOf({ layout, channels }: ImageMapping, { width, height }: Size): number[] {
  const sizes = { N: 1, H: height, W: width, C: channels === 'gray' ? 1 : 3 };
  return [...layout].map((axis) => sizes[axis as keyof typeof sizes]);
}
