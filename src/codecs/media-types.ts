// Which forms of body a model takes.

import { ServiceError } from '../errors.js';
import type { Model } from '../model-repository/model.js';
import type { TensorSpec } from '../tensor.js';

const FORM = 'application/x-www-form-urlencoded';

const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const;
export type PictureType = (typeof PICTURE_TYPES)[number];

export function isPictureType(mediaType: string): mediaType is PictureType {
  return (PICTURE_TYPES as readonly string[]).includes(mediaType);
}

/** Names that were never registered, or no longer are, and that programs still send. */
const OTHER_NAMES: Readonly<Record<string, PictureType>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
};

/** The registered name of a type that is also called otherwise. */
export function registeredType(mediaType: string): string {
  return Object.hasOwn(OTHER_NAMES, mediaType) ? OTHER_NAMES[mediaType]! : mediaType;
}

/**
 * Returns when the model takes bodies of this type.
 * @throws ServiceError `unsupported_media_type` that lists those that it does take.
 */
export function acceptsMediaType(mediaType: string, model: Model): void {
  if (mediaType === 'application/json') return;
  const types = typesOf(model);
  if (types.includes(mediaType)) return;
  const got = mediaType === '' ? 'there was none' : `it was ${JSON.stringify(mediaType.slice(0, 100))}`;
  const hint =
    mediaType === FORM ? "; that is what curl -d sends unless -H 'Content-Type: …' names another" : '';
  const message = `${model.name} takes the Content-Type ${types.join(', ')}; ${got}${hint}`;
  throw new ServiceError('unsupported_media_type', message);
}

/** The forms of body that a model takes, by their Content-Type. */
export function typesOf(model: Model): string[] {
  return [
    'application/json',
    ...(model.settings.image === undefined ? [] : PICTURE_TYPES),
    ...(textInput(model) === undefined ? [] : ['text/plain']),
    ...(rawInput(model) === undefined ? [] : ['application/octet-stream']),
  ];
}

/** The input that a plain text is for: of strings, and of a shape that one string fits. */
export function textInput(model: Model): TensorSpec | undefined {
  const takesOneString = ({ type, shape }: TensorSpec) =>
    type === 'string' && (shape ?? []).every((size) => typeof size !== 'number' || size === 1);
  return soleInput(model, takesOneString);
}

/** The input that raw bytes are for. */
export function rawInput(model: Model): TensorSpec | undefined {
  return soleInput(model, ({ type }) => type !== 'string');
}

/** The only input that has to be given; where all have defaults, the only one that fits. */
function soleInput(model: Model, fits: (spec: TensorSpec) => boolean): TensorSpec | undefined {
  const { inputs } = model.signature;
  const required = inputs.filter(({ name }) => !Object.hasOwn(model.settings.defaults, name));
  const candidates = required.length === 0 ? inputs.filter(fits) : required;
  const [input] = candidates;
  return candidates.length === 1 && fits(input!) ? input : undefined;
}
