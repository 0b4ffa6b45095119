// What right requests are made of, and what their answers must be: prepared once, as much of it takes time to make.

import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { drawDigit, readSamples, type Sample } from '../../../models/digits/draw.js';
import { burnReference } from '../burn-reference.js';
import { BURN_SIZE } from '../fixture-models.js';
import { PROJECT } from '../oneslot.js';
import { type Random, seededRandom } from '../random.js';

/** A burn and its whole answer. */
export interface AnsweredBurn {
  readonly model: 'burn' | 'small-burn';
  readonly iterations: number;
  readonly seed: number;
  readonly checksum: number;
  readonly head: readonly number[];
}

export type PictureType = 'png' | 'jpeg' | 'webp';

export interface DrawnDigit {
  readonly label: number;
  readonly type: PictureType;
  readonly file: Buffer;
}

export interface Material {
  readonly samples: readonly Sample[];
  readonly drawings: readonly DrawnDigit[];
  readonly burns: readonly AnsweredBurn[];
  /** Pictures of more pixels than a body may have bytes, in small files. */
  readonly hugePictures: readonly { readonly type: PictureType; readonly file: Buffer }[];
  readonly astronaut: Buffer;
}

const SMALL_BURNS = 48;
const SMALL_BURN_ITERATIONS = 300;
/** The least that the face detector takes. */
const DRAWN_SIDE = 48;
const HUGE_SIDE = 1000;
/** More would only make the fuzz take longer. */
const SHIPPED_BURNS = [
  { iterations: 0, seed: 1 },
  { iterations: 1, seed: 3 },
  { iterations: 3, seed: -2 },
];

export async function makeMaterial(): Promise<Material> {
  const samples = readSamples(`${PROJECT}models/digits/samples.json`);
  const types = ['png', 'jpeg', 'webp'] as const;
  return {
    samples,
    drawings: (await Promise.all(samples.map(drawn))).flat(),
    burns: [...shippedBurns(), ...smallBurns(seededRandom(1))],
    hugePictures: await Promise.all(types.map(hugePicture)),
    astronaut: readFileSync(`${PROJECT}models/face-detector/astronaut.png`),
  };
}

async function drawn(sample: Sample): Promise<DrawnDigit[]> {
  const { label } = sample;
  const png = await drawDigit(sample, DRAWN_SIDE);
  const jpeg = await sharp(png).jpeg({ quality: 95 }).toBuffer();
  const webp = await sharp(png).webp({ lossless: true }).toBuffer();
  return [
    { label, type: 'png', file: png },
    { label, type: 'jpeg', file: jpeg },
    { label, type: 'webp', file: webp },
  ];
}

async function hugePicture(type: PictureType): Promise<Material['hugePictures'][number]> {
  const create = { width: HUGE_SIDE, height: HUGE_SIDE, channels: 3, background: 'white' } as const;
  return { type, file: await sharp({ create }).toFormat(type).toBuffer() };
}

function shippedBurns(): AnsweredBurn[] {
  return SHIPPED_BURNS.map((request) => ({ ...request, ...burnReference(request), model: 'burn' }));
}

function smallBurns(random: Random): AnsweredBurn[] {
  return Array.from({ length: SMALL_BURNS }, () => {
    const request = { iterations: random.below(SMALL_BURN_ITERATIONS), seed: random.below(2000) - 1000 };
    return { ...request, ...burnReference({ ...request, size: BURN_SIZE }), model: 'small-burn' };
  });
}
