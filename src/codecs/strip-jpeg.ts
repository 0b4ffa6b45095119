// JPEG (ITU-T T.81): segments of a marker and a length, and behind each start of a scan its coded data, without a length.

import { BrokenFile, cutOff } from './broken-file.js';
import { exifPrefixBytes, orientationOnly } from './exif.js';
import { Kept } from './kept.js';

const MARK = 0xff;
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP14 = 0xee;

/** Tables and frames: DHT and DAC (c4, cc) lie between the frames' own c0 to cf, then DQT and DRI. */
const isTableOrFrame = (marker: number): boolean =>
  (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8) || marker === 0xdb || marker === 0xdd;
const isFrame = (marker: number): boolean =>
  isTableOrFrame(marker) && marker < 0xdb && marker !== 0xc4 && marker !== 0xcc;
/** RST0 to RST7, and TEM. */
const isAlone = (marker: number): boolean => (marker >= 0xd0 && marker <= 0xd7) || marker === 0x01;

/**
 * Each scan of a progressive file may cost as much as all its pixels, however few bytes it has. Files have ten of them,
 * seldom twenty; so many are taken whatever the size, more of smaller pictures.
 */
const ANY_SIZE_SCANS = 24;
const MAX_SCANS = 256;
const MAX_SCANNED_PIXELS = 2 ** 29;

/** JFIF says that colours are YCbCr, Adobe which they are. Their lengths without what may follow: thumbnails. */
const JFIF = { name: [0x4a, 0x46, 0x49, 0x46, 0], length: 16, thumbnailAt: 14 };
const ADOBE = { name: [0x41, 0x64, 0x6f, 0x62, 0x65], length: 14 };

/** @throws BrokenFile */
export function stripJpeg(bytes: Uint8Array): Uint8Array {
  return new JpegStripper(bytes).strip();
}

class JpegStripper {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kept: Kept;
  #pixels = 0;
  #scans = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#kept = new Kept(bytes);
  }

  strip(): Uint8Array {
    const kept = this.#kept;
    kept.keep(0, 2);
    let at = 2;
    for (;;) {
      at = this.#nextMarker(at);
      const marker = this.#bytes[at + 1]!;
      kept.count();
      if (marker === EOI) {
        kept.keep(at, at + 2);
        return kept.take();
      }
      if (marker === SOI) throw new BrokenFile(`a second picture begins in it at byte ${at}`);
      at = isAlone(marker) ? at + 2 : this.#segment(marker, at);
    }
  }

  /** Of the FF before a marker there may be several. What else lies between segments is passed over, as decoders do. */
  #nextMarker(from: number): number {
    const bytes = this.#bytes;
    for (let at = from; at + 1 < bytes.length; at++) {
      if (bytes[at] === MARK && bytes[at + 1] !== MARK && bytes[at + 1] !== 0) return at;
    }
    throw new BrokenFile('it is cut off: it has no end marker');
  }

  /** Gives the place behind it. */
  #segment(marker: number, at: number): number {
    const left = this.#bytes.length - at - 2;
    const length = left < 2 ? 2 : this.#view.getUint16(at + 2);
    if (length > left || length < 2) {
      throw cutOff(`its segment ff${marker.toString(16)}`, at, { says: length, left });
    }
    const end = at + 2 + length;
    if (isFrame(marker)) this.#frame(at, length);
    if (marker === SOS) return this.#scan(at, end);
    if (isTableOrFrame(marker)) this.#kept.keep(at, end);
    else this.#keepOfApplication(marker, at, end);
    return end;
  }

  #frame(at: number, length: number): void {
    if (this.#pixels > 0) throw new BrokenFile(`a second frame begins in it at byte ${at}`);
    if (length < 8) throw new BrokenFile(`its frame at byte ${at} tells no size`);
    this.#pixels = this.#view.getUint16(at + 5) * this.#view.getUint16(at + 7);
  }

  /** The segment, and the coded data behind it, up to the next marker that is none of its own. */
  #scan(at: number, end: number): number {
    this.#scans += 1;
    const most = Math.min(MAX_SCANS, Math.max(ANY_SIZE_SCANS, MAX_SCANNED_PIXELS / this.#pixels));
    if (this.#scans > most)
      throw new BrokenFile(`it has more than the ${Math.floor(most)} scans that are taken`);
    const bytes = this.#bytes;
    let next = end;
    while (next + 1 < bytes.length && (bytes[next] !== MARK || isCoded(bytes[next + 1]!))) next++;
    if (next + 1 >= bytes.length) throw new BrokenFile('it is cut off: it has no end marker');
    this.#kept.keep(at, next);
    return next;
  }

  #keepOfApplication(marker: number, at: number, end: number): void {
    const data = this.#bytes.subarray(at + 4, end);
    if (marker === APP0 && begins(data, JFIF.name)) this.#keepShort(at, end, JFIF);
    else if (marker === APP14 && begins(data, ADOBE.name)) this.#keepShort(at, end, ADOBE);
    else if (marker === APP1) this.#keepOrientation(data);
  }

  #keepShort(
    at: number,
    end: number,
    { length, thumbnailAt }: { length: number; thumbnailAt?: number },
  ): void {
    if (end - at < 2 + length) return;
    this.#view.setUint16(at + 2, length);
    if (thumbnailAt !== undefined) this.#view.setUint16(at + 2 + thumbnailAt, 0);
    this.#kept.keep(at, at + 2 + length);
  }

  #keepOrientation(data: Uint8Array): void {
    const prefix = exifPrefixBytes(data);
    const block = prefix === 0 ? undefined : orientationOnly(data.subarray(prefix));
    if (block === undefined) return;
    const length = 2 + prefix + block.length;
    const segment = new Uint8Array(2 + length);
    segment.set([MARK, APP1, 0, length]);
    segment.set(data.subarray(0, prefix), 4);
    segment.set(block, 4 + prefix);
    this.#kept.put(segment);
  }
}

/** Of coded data: a byte FF is followed by 00, and restart markers stand in it, and fill bytes. */
const isCoded = (next: number): boolean => next === 0 || next === MARK || isAlone(next);

const begins = (data: Uint8Array, name: readonly number[]): boolean =>
  name.every((byte, index) => data[index] === byte);
