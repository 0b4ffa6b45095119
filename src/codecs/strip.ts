// What of a picture's file reaches its decoder: pixels, transparency, and which side is up. Everything else that such a file
// can hold (texts, colour profiles, thumbnails, further frames) is a way to make a decoder take memory and time that the size
// of the picture does not tell: 7 MB of compressed texts around ten pixels took 4 GB.
//
// One pass over the file, in the file's own memory: what is kept moves together.

import { ServiceError } from '../errors.js';
import { BrokenFile } from './broken-file.js';
import type { PictureType } from './media-types.js';
import { stripJpeg } from './strip-jpeg.js';
import { stripPng } from './strip-png.js';
import { stripWebp } from './strip-webp.js';

export interface PictureFile {
  readonly mediaType: PictureType;
  /** Begins as a file of this type does. Not to be used any more afterwards. */
  readonly body: Uint8Array;
  /** Name of the input that it is for. */
  readonly input: string;
}

const STRIPPERS: Readonly<Record<PictureType, (bytes: Uint8Array) => Uint8Array>> = {
  'image/png': stripPng,
  'image/jpeg': stripJpeg,
  'image/webp': stripWebp,
};

/**
 * The same picture with nothing in it but what it looks like, in the same memory.
 * @throws ServiceError `invalid_input` for a file whose parts do not fit into it.
 */
export function stripPicture({ mediaType, body, input }: PictureFile): Uint8Array {
  try {
    return STRIPPERS[mediaType](body);
  } catch (error) {
    if (error instanceof BrokenFile) throw brokenPicture(input, error.message);
    throw error;
  }
}

export function brokenPicture(input: string, reason: string): ServiceError {
  return new ServiceError('invalid_input', `input ${input}: the picture can't be decoded: ${reason}`);
}
