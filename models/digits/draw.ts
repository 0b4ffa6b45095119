// Draws a digit of samples.json as a scan would show it: dark strokes on white paper, many pixels.
//
//   npm run build && node dist/models/digits/draw.js 7 models/digits/seven.png

import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';

/** One held-out digit; `image` is eight rows of ink, 0 for paper to 16 for a full stroke. */
export interface Sample {
  readonly label: number;
  readonly image: readonly (readonly number[])[];
}

const INK = 16;
const WHITE = 255;

export function readSamples(path: string | URL): readonly Sample[] {
  return JSON.parse(readFileSync(path, 'utf8')) as readonly Sample[];
}

/** @returns a greyscale PNG, `side` pixels wide and high. */
export async function drawDigit({ image }: Sample, side = 160): Promise<Buffer> {
  const pixels = Uint8Array.from(image.flat(), (ink) => Math.round(WHITE - (ink * WHITE) / INK));
  const raw = { width: image[0]!.length, height: image.length, channels: 1 } as const;
  const picture = sharp(pixels, { raw }).resize(side, side, { kernel: 'cubic' });
  return await picture.toColourspace('b-w').png({ compressionLevel: 9 }).toBuffer();
}

const [, script, label, target] = process.argv;
if (target !== undefined && import.meta.url === pathToFileURL(script!).href) {
  const sample = readSamples('models/digits/samples.json').find((one) => one.label === Number(label));
  if (sample === undefined) throw new Error(`expected a digit from 0 to 9, got ${label}`);
  writeFileSync(target, await drawDigit(sample));
}
