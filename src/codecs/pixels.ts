// Pixels of 8 bits, interleaved, to the elements of a tensor: value = (pixel * scale - mean) / std.
//
// There are only 256 pixel values a channel, so each is computed once and then looked up.

import { setImmediate } from 'node:timers/promises';
import { integerRange } from '../json/elements.js';
import { toFloat16Bits } from '../json/float16.js';
import type { ImageMapping } from '../model-repository/model.js';
import type { ElementType, NumericType } from '../tensor.js';

export interface PixelsInfo {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

export interface Target {
  readonly mapping: ImageMapping;
  readonly type: ElementType;
}

/** The memory of each type. float16 is its bits. */
const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float64: Float64Array,
} as const;

type Table = InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;

/** The tensor's bytes. Large pictures are converted piece by piece, and other work gets its turn in between. */
export async function layOut(
  pixels: Uint8Array,
  info: PixelsInfo,
  { mapping, type }: Target,
): Promise<Uint8Array> {
  const channels = mapping.channels === 'gray' ? 1 : 3;
  if (info.channels !== channels)
    throw new Error(`${info.channels} channels, not ${channels}: this is a bug`);
  const tables = Array.from({ length: channels }, (_, channel) => tableOf(mapping, channel, type));
  if (isAsItIs(mapping, tables)) return pixels;
  const count = info.width * info.height;
  const target = emptyTable(type, count * channels);
  for (const [channel, table] of tables.entries()) {
    const source = mapping.channels === 'BGR' ? channels - 1 - channel : channel;
    const plane = isPlanar(mapping)
      ? { from: source, to: channel * count, step: 1 }
      : { from: source, to: channel, step: channels };
    await convert({ pixels, target, table, channels, count, ...plane });
  }
  return new Uint8Array(target.buffer);
}

const isPlanar = ({ layout }: ImageMapping): boolean => layout.endsWith('CHW');

/** Whether the pixels are the tensor already. */
function isAsItIs(mapping: ImageMapping, tables: readonly Table[]): boolean {
  const isSameOrder = mapping.channels === 'gray' || (mapping.channels === 'RGB' && !isPlanar(mapping));
  const isIdentity = (table: Table) =>
    table.BYTES_PER_ELEMENT === 1 && table.every((value, pixel) => value === pixel);
  return isSameOrder && tables.every(isIdentity);
}

function tableOf(mapping: ImageMapping, channel: number, type: ElementType): Table {
  const { scale, mean, std, invert } = mapping;
  const table = emptyTable(type, 256);
  for (let pixel = 0; pixel < 256; pixel++) {
    const ink = invert ? 255 - pixel : pixel;
    const value = (ink * scale - perChannel(mean, channel)) / perChannel(std, channel);
    table[pixel] = elementOf(type as NumericType, value);
  }
  return table;
}

/** The nearest element of the type. */
function elementOf(type: NumericType, value: number): number | bigint {
  if (type === 'float16') return toFloat16Bits(value);
  if (type === 'float32' || type === 'float64') return value;
  const { min, max } = integerRange(type);
  const integer = Math.min(max, Math.max(min, Math.round(value)));
  return type === 'int64' || type === 'uint64' ? BigInt(integer) : integer;
}

const perChannel = (values: readonly number[], channel: number): number => values[channel] ?? values[0]!;

function emptyTable(type: ElementType, length: number): Table {
  if (type === 'string' || type === 'bool') throw new Error(`a picture can't become ${type}: this is a bug`);
  return new ARRAYS[type](length);
}

interface Conversion {
  readonly pixels: Uint8Array;
  readonly target: Table;
  readonly table: Table;
  /** Samples a pixel in the source. */
  readonly channels: number;
  readonly count: number;
  /** First sample in the source, first element in the target, and elements from one to the next. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Pixels converted in a fraction of a millisecond. */
const PIECE = 128 * 1024;

async function convert({
  pixels,
  target,
  table,
  channels,
  count,
  from,
  to,
  step,
}: Conversion): Promise<void> {
  for (let start = 0; start < count; start += PIECE) {
    if (start > 0) await setImmediate();
    const end = Math.min(count, start + PIECE);
    for (let pixel = start; pixel < end; pixel++) {
      target[to + pixel * step] = table[pixels[from + pixel * channels]!]!;
    }
  }
}
