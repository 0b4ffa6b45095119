// The mapping of pictures in model.json against the input that they become.

import { specText } from '../json/spec-text.js';
import type { ElementType, TensorSpec } from '../tensor.js';
import type { ImageMapping } from './model.js';
import { type Problems, specOf } from './problems.js';

/** Types that pixels become; models for pictures take no others. */
const PIXEL_TYPES: readonly ElementType[] = ['uint8', 'float16', 'float32'];

/** @param defaults names of the inputs that have a default */
export function* imageProblems(
  image: ImageMapping,
  inputs: readonly TensorSpec[],
  defaults: readonly string[],
): Problems {
  const spec = specOf('input', image.input, inputs);
  if (typeof spec === 'string') return yield `image.input: ${spec}`;
  if (!PIXEL_TYPES.includes(spec.type)) {
    yield `image.input: expected an input of ${PIXEL_TYPES.join(', ')}, got ${specText(spec)}`;
  }
  yield* layoutProblems(image, spec);
  for (const { name } of inputs) {
    if (name === image.input || defaults.includes(name)) continue;
    yield `image: a picture becomes only ${image.input}, so ${name} needs a value in "defaults"`;
  }
}

function* layoutProblems(image: ImageMapping, spec: TensorSpec): Problems {
  const { layout } = image;
  const { shape } = spec;
  if (shape === null) return;
  const { length } = shape;
  if (layout.length !== length) {
    return yield `image.layout: expected ${length} axes, as in ${specText(spec)}, got ${layout}`;
  }
  for (const [axis, letter] of [...layout].entries()) {
    const size = shape[axis];
    const problem = typeof size === 'number' ? sizeProblem(letter, size, image) : undefined;
    if (problem !== undefined) yield `image.${problem}, as in ${specText(spec)}`;
  }
}

/** What is wrong where the model wants this fixed size on the axis of this letter. */
function sizeProblem(letter: string, size: number, image: ImageMapping): string | undefined {
  switch (letter) {
    case 'N':
      return size === 1 ? undefined : `layout: a picture is a batch of 1, expected one of ${size}`;
    case 'C':
      return channelProblem(size, image);
    case 'H':
      return image.height === size ? undefined : `height: expected ${size}, got ${image.height ?? 'none'}`;
    default:
      return image.width === size ? undefined : `width: expected ${size}, got ${image.width ?? 'none'}`;
  }
}

function channelProblem(size: number, { channels }: ImageMapping): string | undefined {
  const given = channels === 'gray' ? 1 : 3;
  return given === size ? undefined : `channels: expected ${size}, got ${channels}, which are ${given}`;
}
