// WebP (RFC 9649): chunks of a name, a length and data in a RIFF file.

import { BrokenFile, cutOff, nameOf } from './broken-file.js';
import { exifPrefixBytes, orientationOnly } from './exif.js';
import { Kept } from './kept.js';

const RIFF_BYTES = 12;
const HEAD_BYTES = 8;
/** What a frame of an animation says of itself before its own chunks. */
const FRAME_BYTES = 16;

/** Of a picture's own header where it has more than pixels: VP8X, flags first. */
const EXTENDED_BYTES = 10;

/** Flags of VP8X. Those of colour profile and XMP go with their chunks. */
const ALPHA = 0x10;
const EXIF = 0x08;
const ANIMATION = 0x02;

/** Chunks that are pixels or transparency. */
const PIXELS: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'ALPH']);

/** @throws BrokenFile */
export function stripWebp(bytes: Uint8Array): Uint8Array {
  return new WebpStripper(bytes).strip();
}

interface Chunk {
  readonly name: string;
  readonly at: number;
  readonly start: number;
  /** Of its data; a byte of padding may follow. */
  readonly end: number;
}

class WebpStripper {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kept: Kept;
  /** Where the flags of VP8X lie now. */
  #flagsAt: number | undefined;
  #hasFrame = false;
  #hasOrientation = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#kept = new Kept(bytes);
  }

  strip(): Uint8Array {
    const says = this.#view.getUint32(4, true);
    const left = this.#bytes.length - HEAD_BYTES;
    if (says > left)
      throw new BrokenFile(`it is cut off: it says that it has ${says} bytes, ${left} are left`);
    this.#kept.keep(0, RIFF_BYTES);
    for (const chunk of this.#chunks(RIFF_BYTES, HEAD_BYTES + says)) this.#take(chunk);
    if (this.#flagsAt !== undefined) this.#setFlags(this.#flagsAt);
    this.#view.setUint32(4, this.#kept.length - HEAD_BYTES, true);
    return this.#kept.take();
  }

  *#chunks(from: number, end: number): Generator<Chunk> {
    for (let at = from; at + HEAD_BYTES <= end; ) {
      this.#kept.count();
      const name = nameOf(this.#bytes, at);
      const says = this.#view.getUint32(at + 4, true);
      const left = end - at - HEAD_BYTES;
      if (says > left) throw cutOff(`its chunk ${name}`, at, { says, left });
      const start = at + HEAD_BYTES;
      yield { name, at, start, end: start + says };
      at = start + says + (says % 2);
    }
  }

  #take(chunk: Chunk): void {
    const { name, at, start, end } = chunk;
    if (PIXELS.has(name) || name === 'ANIM') this.#keep(at, end);
    else if (name === 'VP8X' && this.#flagsAt === undefined) {
      if (end - start < EXTENDED_BYTES) throw new BrokenFile('its chunk VP8X is too short');
      this.#flagsAt = this.#kept.length + HEAD_BYTES;
      this.#keep(at, end);
    } else if (name === 'ANMF' && !this.#hasFrame) this.#keepFrame(chunk);
    else if (name === 'EXIF') this.#keepOrientation(this.#bytes.subarray(start, end));
  }

  /** The first frame is all of an animation that is looked at. */
  #keepFrame({ at, start, end }: Chunk): void {
    if (end - start < FRAME_BYTES) throw new BrokenFile(`its frame at byte ${at} is too short`);
    this.#hasFrame = true;
    const sizeAt = this.#kept.length + 4;
    this.#kept.keep(at, start + FRAME_BYTES);
    for (const { name, at: innerAt, end: innerEnd } of this.#chunks(start + FRAME_BYTES, end)) {
      if (PIXELS.has(name)) this.#keep(innerAt, innerEnd);
    }
    this.#view.setUint32(sizeAt, this.#kept.length - sizeAt - 4, true);
  }

  /** With its byte of padding, which the last chunk may lack. */
  #keep(at: number, end: number): void {
    const padded = Math.min(end + ((end - at) % 2), this.#bytes.length);
    this.#kept.keep(at, padded);
  }

  #keepOrientation(data: Uint8Array): void {
    const prefix = exifPrefixBytes(data);
    const block = orientationOnly(data.subarray(prefix));
    if (block === undefined || this.#hasOrientation) return;
    this.#hasOrientation = true;
    const chunk = new Uint8Array(HEAD_BYTES + prefix + block.length);
    chunk.set(Buffer.from('EXIF', 'latin1'));
    chunk[4] = prefix + block.length;
    chunk.set(data.subarray(0, prefix), HEAD_BYTES);
    chunk.set(block, HEAD_BYTES + prefix);
    this.#kept.put(chunk);
  }

  #setFlags(at: number): void {
    const said = this.#bytes[at]! & (ALPHA | ANIMATION);
    this.#bytes[at] = said | (this.#hasOrientation ? EXIF : 0);
  }
}
