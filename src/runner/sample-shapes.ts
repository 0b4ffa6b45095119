// What samples for the proof of batches look like: an ordinary request as far as model.json tells, and larger ones, since
// some models mix their samples only where there is more than one of something.

import type { ModelSettings, Provider } from '../model-repository/model.js';
import { elementCount, type Signature, type Tensor } from '../tensor.js';
import type { SampleInput } from './samples.js';
import { spreadsOf } from './spreads.js';
import { isGiven, ranksToTry, warmupInputs } from './warmup-inputs.js';

/** Sizes of free dimensions of which model.json says nothing. Pictures of 1 × 1 are too small for many a model. */
const FREE_SIZES = [1, 5, 64];

const MOST_ELEMENTS = 2 ** 22;

/** The smallest first. */
export function sampleShapes(
  signature: Signature,
  settings: ModelSettings,
  provider: Provider,
): (readonly SampleInput[])[] {
  const shapes = new Map<string, readonly SampleInput[]>();
  const ranks = ranksToTry(signature, settings);
  for (const each of FREE_SIZES.flatMap((free) => ranks.map((rank) => ({ free, rank })))) {
    const inputs = warmupInputs(signature, settings, each);
    const all = Object.values(inputs);
    if (shapes.size > 0 && all.some(({ dims }) => elementCount(dims) > MOST_ELEMENTS)) continue;
    const shape = all.map(({ dims }) => dims.join()).join(' ');
    if (!shapes.has(shape)) shapes.set(shape, Object.entries(inputs).map(sampleInput));
  }
  return [...shapes.values()];

  function sampleInput([name, base]: [string, Tensor]): SampleInput {
    const given = isGiven(name, settings) ? base : undefined;
    const spreads = spreadsOf(base.type, { given, isTame: provider !== 'cpu' });
    // What takes as long as its value says is left small.
    return { name, base, spreads: name === settings.cost ? { ...spreads, isLadder: false } : spreads };
  }
}
