// The types that a model's file gives its inputs and outputs (onnx.proto3, TypeProto), and what to do about those that can't
// be fed or fetched.

import { ELEMENT_TYPES } from '../tensor.js';
import { type Part, partsOf } from './protobuf.js';

export interface ValueType {
  /** As `bfloat16`, or `a sequence of maps from int64 to float32`. */
  readonly text: string;
  readonly isServable: boolean;
  /** What makes it one that is. */
  readonly cure: string;
}

/** TensorProto.DataType, by number. */
const ELEMENTS = (
  'undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 ' +
  'bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2'
).split(' ');

/** TypeProto's kinds of value, by field. */
const TENSOR = 1;
const SEQUENCE = 4;
const MAP = 5;
const SPARSE = 8;
const OPTIONAL = 9;
/** Of all of them the type of what is in them; of a map that of its keys, and of its values. */
const ELEMENT = 1;
const VALUE = 2;

const CURES = {
  map: 'export it with zipmap=False (skl2onnx: options={"zipmap": False}), so that it is a tensor',
  sequence: 'export one tensor instead, as ConcatFromSequence makes it',
  optional: 'export it without Optional',
  sparse: 'export it as a dense tensor',
  complex: 'export its real and imaginary parts as tensors of their own',
  small: 'convert it to int8 or uint8, as a Cast in the model does',
  float: 'convert it to float32 or float16, as a Cast in the model does',
  other: 'export it as a tensor of another type',
} as const;

export function valueTypeOf(type: Uint8Array): ValueType {
  const kind = [...partsOf(type)].find(({ field }) => field in DESCRIBE);
  if (kind === undefined) return { text: 'of no known type', isServable: false, cure: CURES.other };
  return DESCRIBE[kind.field]!([...partsOf(kind.content)]);
}

const DESCRIBE: Readonly<Record<number, (parts: readonly Part[]) => ValueType>> = {
  [TENSOR]: (parts) => tensorType(elementOf(parts)),
  [SPARSE]: (parts) => unservable(`a sparse tensor of ${elementOf(parts)}`, CURES.sparse),
  [SEQUENCE](parts) {
    const { text } = innerOf(parts, ELEMENT);
    return unservable(`a sequence of ${text}`, text.includes('map from') ? CURES.map : CURES.sequence);
  },
  [MAP]: (parts) => unservable(`a map from ${elementOf(parts)} to ${innerOf(parts, VALUE).text}`, CURES.map),
  [OPTIONAL]: (parts) => unservable(`an optional ${innerOf(parts, ELEMENT).text}`, CURES.optional),
};

const unservable = (text: string, cure: string): ValueType => ({ text, isServable: false, cure });

const elementOf = (parts: readonly Part[]): string =>
  ELEMENTS[Number(parts.find(({ field }) => field === ELEMENT)?.number ?? 0)] ?? 'an unknown type';

function innerOf(parts: readonly Part[], field: number): ValueType {
  return valueTypeOf(parts.find((part) => part.field === field)?.content ?? new Uint8Array());
}

function tensorType(text: string): ValueType {
  return { text, isServable: (ELEMENT_TYPES as readonly string[]).includes(text), cure: cureOf(text) };
}

function cureOf(element: string): string {
  if (element.startsWith('complex')) return CURES.complex;
  if (/^u?int[24]$/.test(element)) return CURES.small;
  return element.includes('float') ? CURES.float : CURES.other;
}
