// What a caller of a model needs to know beside its signature: the forms of body and answer, sizes, defaults, names of
// classes, limits, and a request that works.

import { isPictureType, rawInput, textInput, typesOf } from '../codecs/media-types.js';
import type { ImageMapping, Model } from '../model-repository/model.js';
import type { Dimension, TensorSpec } from '../tensor.js';
import { exampleOf } from './example.js';

export interface GuideLimits {
  readonly maxBodyBytes: number;
  readonly maxAnswerBytes: number;
  readonly uploadTimeoutMs: number;
  readonly runTimeoutMs: number;
  readonly maxWaitMs?: number | undefined;
}

/** @param url where predictions of this model are made */
export function guideOf(model: Model, limits: GuideLimits, url: string): Record<string, unknown> {
  const { defaults, labels } = model.settings;
  const example = exampleOf(model, url);
  return {
    accepts: typesOf(model).map((contentType) => ({ contentType, ...bodyOf(contentType, model) })),
    answers: answersOf(model),
    ...(Object.keys(defaults).length > 0 && { defaults }),
    ...(Object.keys(labels).length > 0 && { labels }),
    limits: limitsOf(model, limits),
    ...(example !== undefined && { example }),
  };
}

function bodyOf(contentType: string, model: Model): object {
  if (isPictureType(contentType)) return pictureOf(model);
  if (contentType === 'text/plain') return { input: textInput(model)!.name };
  if (contentType !== 'application/octet-stream') return {};
  const { name, type, shape } = rawInput(model)!;
  const isShapeNeeded = shape === null || shape.filter((size) => typeof size !== 'number').length > 1;
  return { input: name, type, ...(isShapeNeeded && { needs: 'Tensor-Shape' }) };
}

function pictureOf({ settings, signature }: Model): object {
  const image = settings.image!;
  const { input, width, height, fit, channels } = image;
  if (width !== undefined) return { input, channels, resizedTo: { width, height }, fit };
  const { shape } = signature.inputs.find(({ name }) => name === input)!;
  const sizes = (['width', 'height'] as const).map((side) => [
    side,
    sideOf(side, { image, shape, settings }),
  ]);
  return { input, channels, size: Object.fromEntries(sizes) };
}

interface Side {
  readonly image: ImageMapping;
  readonly shape: readonly Dimension[] | null;
  readonly settings: Model['settings'];
}

/** A number where the picture must have just that size, else the bounds that are known. */
function sideOf(side: 'width' | 'height', { image, shape, settings }: Side): number | object {
  const size = shape?.[image.layout.indexOf(side === 'width' ? 'W' : 'H')] ?? null;
  if (typeof size === 'number') return size;
  return size !== null && Object.hasOwn(settings.dimensions, size) ? settings.dimensions[size]! : { min: 1 };
}

function answersOf({ signature }: Model): readonly object[] {
  const hasRaw = ({ type, mapKeys }: TensorSpec): boolean => type !== 'string' && mapKeys === undefined;
  const raw = signature.outputs.filter(hasRaw).map(({ name }) => name);
  return [
    { contentType: 'application/json' },
    { contentType: 'text/event-stream' },
    ...(raw.length > 0 ? [{ contentType: 'application/octet-stream', oneOf: raw }] : []),
  ];
}

function limitsOf(model: Model, limits: GuideLimits): object {
  const { maxBodyBytes, maxAnswerBytes, uploadTimeoutMs, maxWaitMs } = limits;
  return {
    bodyBytes: maxBodyBytes,
    answerBytes: maxAnswerBytes,
    uploadMs: uploadTimeoutMs,
    runMs: model.settings.runTimeoutMs ?? limits.runTimeoutMs,
    ...(maxWaitMs !== undefined && { waitMs: maxWaitMs }),
  };
}

/** Names and addresses with a port or without; nothing that a shell or a reader of the command could take for more. */
const HOST = /^(?<name>[a-z\d.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/**
 * The server as the caller knows it.
 * @param host value of its `Host` header
 * @param port where it is another one than that by which the caller came
 */
export function serverUrl(host: string | undefined, port: number | undefined): string {
  const { name = 'localhost' } = HOST.exec(host ?? '')?.groups ?? {};
  if (port !== undefined) return `http://${name}:${port}`;
  return `http://${HOST.test(host ?? '') ? host : name}`;
}
