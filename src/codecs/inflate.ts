// Content codings undone, off the event loop, counted as they grow and never beyond a limit.

import { once } from 'node:events';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ServiceError } from '../errors.js';
import { giveBack } from '../memory.js';

/** Larger pieces are fewer turns of the event loop. */
const CHUNK_BYTES = 64 * 1024;

const DECODERS = {
  gzip: () => createGunzip({ chunkSize: CHUNK_BYTES }),
  deflate: () => createInflate({ chunkSize: CHUNK_BYTES }),
  br: () => createBrotliDecompress({ chunkSize: CHUNK_BYTES }),
} as const;

export type Coding = keyof typeof DECODERS;

export interface InflateLimits {
  readonly maxBytes: number;
  /** Told of what comes out, as it does; throws where there is no room for it. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * A decoder has up to 16 MiB of its own, which nobody counts. Node's thread pool does no more at once anyway; the others
 * wait for their turn.
 */
const AT_ONCE = 4;
let working = 0;
const waiting: (() => void)[] = [];

/**
 * Rejects with ServiceError `body_too_large` as soon as more than `maxBytes` come out, with `bad_request` for broken data, and
 * with what `onBytes` throws.
 */
export async function inflate(raw: Uint8Array, coding: Coding, limits: InflateLimits): Promise<Uint8Array> {
  await turn();
  try {
    return await inflated(raw, coding, limits);
  } finally {
    const next = waiting.shift();
    if (next === undefined) working -= 1;
    else next();
  }
}

/** Whoever ends hands its turn over. */
async function turn(): Promise<void> {
  if (working < AT_ONCE) working += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}

async function inflated(
  raw: Uint8Array,
  coding: Coding,
  { maxBytes, onBytes }: InflateLimits,
): Promise<Uint8Array> {
  const decoder = DECODERS[coding]();
  const chunks: Buffer[] = [];
  let length = 0;
  let refusal: unknown;
  decoder.on('data', (chunk: Buffer) => {
    length += chunk.length;
    try {
      if (length > maxBytes) throw tooLarge(maxBytes);
      onBytes(chunk.length);
      chunks.push(chunk);
    } catch (thrown) {
      refusal = thrown;
      decoder.destroy(thrown as Error);
    }
  });
  decoder.end(raw);
  await once(decoder, 'end').catch((error: Error) => {
    throw refusal ?? brokenData(error, coding);
  });
  return joined(chunks, length);
}

/** In memory of its own: it may be handed to a worker thread. */
function joined(chunks: readonly Buffer[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
    giveBack(chunk);
  }
  return whole;
}

function tooLarge(maxBytes: number): ServiceError {
  return new ServiceError('body_too_large', `the body has more than ${maxBytes} bytes once decompressed`);
}

function brokenData(cause: Error, coding: Coding): ServiceError {
  return new ServiceError('bad_request', `the body is no whole ${coding} data: ${cause.message}`, { cause });
}
