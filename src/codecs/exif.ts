// Which side of a picture is up, as cameras note it in EXIF: the one thing of it that matters here.

/** An EXIF block of this orientation and nothing else: a TIFF header, and one entry. */
export const EXIF_BYTES = 26;

const ORIENTATION = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/** Upright. */
const NORMAL = 1;

/** What may stand before the block. */
const PREFIX = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** Length of the prefix that the block has: JPEG needs one, WebP has one here and there. */
export function exifPrefixBytes(block: Uint8Array): number {
  return PREFIX.every((byte, index) => block[index] === byte) ? PREFIX.length : 0;
}

/** The block reduced to its orientation; undefined where it tells none, or upright. As long as the block at most. */
export function orientationOnly(tiff: Uint8Array): Uint8Array | undefined {
  const orientation = orientationOf(tiff);
  return orientation > NORMAL && orientation <= 8 ? blockOf(orientation) : undefined;
}

function orientationOf(tiff: Uint8Array): number {
  if (tiff.length < EXIF_BYTES) return NORMAL;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const isLittle = tiff[0] === 0x49;
  const first = view.getUint32(4, isLittle);
  if (first + 2 > tiff.length) return NORMAL;
  const room = Math.floor((tiff.length - first - 2) / ENTRY_BYTES);
  const entries = Math.min(view.getUint16(first, isLittle), room);
  for (let entry = 0; entry < entries; entry++) {
    const at = first + 2 + entry * ENTRY_BYTES;
    if (view.getUint16(at, isLittle) !== ORIENTATION) continue;
    return view.getUint16(at + 2, isLittle) === SHORT ? view.getUint16(at + 8, isLittle) : NORMAL;
  }
  return NORMAL;
}

function blockOf(orientation: number): Uint8Array {
  const block = new Uint8Array(EXIF_BYTES);
  const view = new DataView(block.buffer);
  block.set([0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0]);
  view.setUint16(10, ORIENTATION, true);
  view.setUint16(12, SHORT, true);
  view.setUint32(14, 1, true);
  view.setUint16(18, orientation, true);
  return block;
}
