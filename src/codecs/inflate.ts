// Content codings undone, off the event loop and never beyond a limit.

import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate as inflateZlib } from 'node:zlib';
import { ServiceError } from '../errors.js';

const DECODERS = {
  gzip: promisify(gunzip),
  deflate: promisify(inflateZlib),
  br: promisify(brotliDecompress),
} as const;

export type Coding = keyof typeof DECODERS;

/** Rejects with ServiceError `body_too_large` as soon as more than `maxBytes` come out, `bad_request` for broken data. */
export async function inflate(raw: Uint8Array, coding: Coding, maxBytes: number): Promise<Uint8Array> {
  try {
    return await DECODERS[coding](raw, { maxOutputLength: maxBytes });
  } catch (error) {
    throw inflateError(error, coding, maxBytes);
  }
}

function inflateError(error: unknown, coding: Coding, maxBytes: number): ServiceError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return new ServiceError('body_too_large', `the body has more than ${maxBytes} bytes once decompressed`);
  }
  return new ServiceError('bad_request', `the body is no whole ${coding} data: ${message}`, { cause: error });
}
