// PNG (ISO/IEC 15948): a signature, then chunks of length, type, data and CRC.

import { BrokenFile, cutOff, nameOf } from './broken-file.js';
import { orientationOnly } from './exif.js';
import { Kept } from './kept.js';

const SIGNATURE_BYTES = 8;
/** Of a chunk around its data: length and type before, CRC behind. */
const HEAD_BYTES = 8;
const FRAME_BYTES = 12;

const chunkType = (name: string): number => Buffer.from(name, 'latin1').readUInt32BE();

const IHDR = chunkType('IHDR');
const IHDR_BYTES = 13;
const SMALL_DATA_BYTES = 64 * 1024;
const IDAT = chunkType('IDAT');
const IEND = chunkType('IEND');
const EXIF = chunkType('eXIf');
/** tRNS is transparency; the frames of an animation are other chunks, beside a picture that stands alone. */
const PIXELS: ReadonlySet<number> = new Set([IHDR, IEND, ...['PLTE', 'tRNS', 'IDAT'].map(chunkType)]);

/** @throws BrokenFile */
export function stripPng(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept = new Kept(bytes);
  kept.keep(0, SIGNATURE_BYTES);
  let at = SIGNATURE_BYTES;
  let spareBytes = 0;
  for (;;) {
    const left = bytes.length - at - FRAME_BYTES;
    if (left < 0) throw new BrokenFile('it is cut off: it has no chunk IEND');
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    if (length > left) throw cutOff(`its chunk ${nameOf(bytes, at + 4)}`, at, { says: length, left });
    if (at === SIGNATURE_BYTES && type !== IHDR) throw new BrokenFile('its first chunk is not IHDR');
    kept.count();
    const end = at + length + FRAME_BYTES;
    if (type === IHDR) spareBytes = mostPixelData(view, at + HEAD_BYTES, length);
    else if (type === IDAT) spareBytes -= length;
    if (spareBytes < 0) throw new BrokenFile('it has more data than its pixels can need');
    if (PIXELS.has(type)) kept.keep(at, end);
    else if (type === EXIF) keepOrientation(kept, bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length));
    if (type === IEND) return kept.take();
    at = end;
  }
}

/** Samples of a pixel, by colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * What may come in IDAT: twice what the rows take, and a bit. Compressed data is no longer than that, and the decoder would
 * inflate all of it, a thousandfold, to see where it ends.
 */
function mostPixelData(view: DataView, at: number, length: number): number {
  if (length !== IHDR_BYTES) throw new BrokenFile('its chunk IHDR has another length than 13 bytes');
  const [width, height] = [view.getUint32(at), view.getUint32(at + 4)];
  const samples = SAMPLES[view.getUint8(at + 9)] ?? 4;
  const rowBytes = Math.ceil((width * samples * view.getUint8(at + 8)) / 8) + 1;
  return 2 * rowBytes * height + SMALL_DATA_BYTES;
}

function keepOrientation(kept: Kept, tiff: Uint8Array): void {
  const block = orientationOnly(tiff);
  if (block === undefined) return;
  const chunk = new Uint8Array(block.length + FRAME_BYTES);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, block.length);
  view.setUint32(4, EXIF);
  chunk.set(block, HEAD_BYTES);
  view.setUint32(HEAD_BYTES + block.length, crc32(chunk.subarray(4, HEAD_BYTES + block.length)));
  kept.put(chunk);
}

/** Node 20.0 has none; these are thirty bytes. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
