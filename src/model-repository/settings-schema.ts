// Every key of model.json: its type, bounds and default. docs/models.md is held against it.

import { z } from 'zod';
import { strictKeys, wholeNumber } from '../json/json-check.js';
import type { ImageMapping, WarmupInput } from './model.js';

/** The longest time that a timer takes; it would fire at once on a longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Far above what any model takes, and low enough that a mistyped size can't exhaust the memory. */
const MAX_SIDE = 16_384;

const NAME = z.string().min(1);
const COUNT = wholeNumber().min(0);
const AXIS = COUNT;
const SWITCH = z.boolean().exactOptional();

/** What ONNX Runtime calls session config entries: it takes only strings. */
interface ConfigEntries {
  readonly [key: string]: string | ConfigEntries;
}

const CONFIG_ENTRIES: z.ZodType<ConfigEntries> = z.lazy(() =>
  z.record(
    z.string(),
    z.union([z.string(), CONFIG_ENTRIES], { error: 'text such as "1", or an object of such' }),
  ),
);

const IS_IGNORED = 'onnxruntime-node 1.30 ignores it';
const IS_OURS = 'oneslot sets it itself, to prove which provider runs the model';

/** Just what onnxruntime-node 1.30 reads, less what must be ours: an option without effect is a mistake. */
export const SESSION_OPTIONS = strictKeys(
  {
    intraOpNumThreads: COUNT.exactOptional(),
    interOpNumThreads: COUNT.exactOptional(),
    graphOptimizationLevel: z.enum(['disabled', 'basic', 'extended', 'layout', 'all']).exactOptional(),
    executionMode: z.enum(['sequential', 'parallel']).exactOptional(),
    enableCpuMemArena: SWITCH,
    enableMemPattern: SWITCH,
    optimizedModelFilePath: NAME.exactOptional(),
    logId: NAME.exactOptional(),
    logSeverityLevel: wholeNumber().min(0).max(4).exactOptional(),
    extra: CONFIG_ENTRIES.exactOptional(),
  },
  {
    executionProviders: 'say "provider" beside "sessionOptions"',
    deviceId: 'it is the option --device-id of the server',
    enableProfiling: IS_OURS,
    profileFilePrefix: IS_OURS,
    preferredOutputLocation: 'outputs always come to the memory of the CPU, from where they are sent',
    externalData: 'weights beside model.onnx are found without it',
    freeDimensionOverrides: `${IS_IGNORED}; fix the dimensions in the model's file`,
    enableGraphCapture: IS_IGNORED,
    logVerbosityLevel: `${IS_IGNORED}; "logSeverityLevel": 0 says most`,
  },
);

export const IMAGE = strictKeys({
  input: NAME,
  layout: z.enum(['HWC', 'CHW', 'NHWC', 'NCHW', 'HW', 'NHW']),
  width: wholeNumber().min(1).max(MAX_SIDE).exactOptional(),
  height: wholeNumber().min(1).max(MAX_SIDE).exactOptional(),
  fit: z.enum(['fill', 'contain', 'cover']).default('fill'),
  channels: z.enum(['RGB', 'BGR', 'gray']).exactOptional(),
  scale: z.number().default(1),
  mean: z.array(z.number()).min(1).default([0]),
  std: z.array(z.number()).min(1).default([1]),
  invert: z.boolean().default(false),
});

const IMAGE_MAPPING = IMAGE.transform((image) => ({
  ...image,
  channels: image.channels ?? (image.layout.includes('C') ? ('RGB' as const) : ('gray' as const)),
})).superRefine((image, { addIssue }) => {
  for (const [key, message] of imageProblems(image)) addIssue({ code: 'custom', path: [key], message });
});

/** What no single key can be blamed for; each with the key to change. */
function* imageProblems(image: ImageMapping): Iterable<readonly [keyof ImageMapping, string]> {
  const { layout, channels, width, height, std } = image;
  if (width === undefined && height !== undefined) yield ['width', 'is missing; it goes with height'];
  if (height === undefined && width !== undefined) yield ['height', 'is missing; it goes with width'];
  if (channels !== 'gray' && !layout.includes('C')) {
    yield ['channels', `expected gray, as the layout ${layout} has no channels, got "${channels}"`];
  }
  if (std.includes(0)) yield ['std', 'expected other numbers than 0, which nothing can be divided by'];
  const count = channels === 'gray' ? 1 : 3;
  for (const key of ['mean', 'std'] as const) {
    const { length } = image[key];
    if (length === 1 || length === count) continue;
    const expected = count === 1 ? 'one number' : `one number, or ${count} of them`;
    yield [key, `expected ${expected} for the channels ${channels}, got ${length}`];
  }
}

export const BATCH = strictKeys({
  max: wholeNumber().min(2),
  axis: AXIS.default(0),
  inputs: z.record(z.string(), AXIS).default({}),
  outputs: z.record(z.string(), AXIS).default({}),
  tolerance: z.number().positive().max(1).exactOptional(),
});

/** Sizes that a dimension may have, both ends included. */
export const DIMENSION = strictKeys({
  min: COUNT.default(1),
  max: COUNT.exactOptional(),
});

const BOUNDS = DIMENSION.superRefine(({ min, max }, { addIssue }) => {
  if (max === undefined || min <= max) return;
  addIssue({ code: 'custom', path: ['max'], message: `expected at least min, which is ${min}, got ${max}` });
});

export const WARMUP_INPUT = strictKeys({
  shape: z.array(COUNT).exactOptional(),
  value: z.unknown().exactOptional(),
});

const WARMUP = WARMUP_INPUT.transform((input, { addIssue, issues }): WarmupInput => {
  if (Object.keys(input).length !== 1 && issues.length === 0) {
    addIssue({ code: 'custom', message: 'expected either a shape or a value' });
  }
  return input.shape === undefined ? { value: input.value } : { shape: input.shape };
});

export const LABELS = z.array(z.string()).min(1);
const LABELS_FILE = z.string().regex(/\.(?:txt|json)$/, { error: 'the name of a .txt or .json file' });

export const SETTINGS = strictKeys({
  description: z.string().exactOptional(),
  provider: z.enum(['cpu', 'cuda', 'webgpu', 'auto']).exactOptional(),
  sessionOptions: SESSION_OPTIONS.default({}),
  warmup: z
    .union([NAME, z.record(z.string(), WARMUP)], { error: 'the name of a file, or an object of inputs' })
    .exactOptional(),
  image: IMAGE_MAPPING.exactOptional(),
  labels: z
    .record(z.string(), z.union([LABELS, LABELS_FILE], { error: 'a list of names, or the name of a file' }))
    .default({}),
  defaults: z.record(z.string(), z.unknown()).default({}),
  dimensions: z.record(z.string(), BOUNDS).default({}),
  emptyInputs: z.array(NAME).default([]),
  batch: BATCH.exactOptional(),
  cost: NAME.exactOptional(),
  runTimeoutMs: z.number().positive().max(MAX_TIMER_MS).exactOptional(),
});

/** A sample file holds the body of a request; of that, only the inputs count. */
export const SAMPLE = z.object({ inputs: z.record(z.string(), z.unknown()) });
