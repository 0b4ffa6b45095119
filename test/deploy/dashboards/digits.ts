// Callers of the model of short runs.

import { join } from 'node:path';
import { readSamples } from '../../../models/digits/draw.js';
import type { Oneslot } from '../../support/oneslot.js';

/** Asks for one digit after the other. */
export function askDigits(project: string): (replica: Oneslot) => Promise<unknown> {
  const samples = readSamples(join(project, 'models/digits/samples.json'));
  let asked = 0;
  return async (replica) => {
    const { image } = samples[asked++ % samples.length]!;
    return await replica.predict('digits', { image: [image] });
  };
}
