// What travels between codecs, queue and runner: a typed, shaped block of little-endian bytes, or strings.

/** Bytes an element takes, per element type; the types are those that onnxruntime-node can feed and fetch. */
export const ELEMENT_BYTES = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  int64: 8,
  uint64: 8,
  float64: 8,
} as const;

export type NumericType = keyof typeof ELEMENT_BYTES;
export type ElementType = NumericType | 'string';
export const ELEMENT_TYPES: readonly ElementType[] = [
  ...(Object.keys(ELEMENT_BYTES) as NumericType[]),
  'string',
];

/** Row-major, little-endian, dense: `bytes.byteLength === product(dims) * ELEMENT_BYTES[type]`. */
export interface NumericTensor {
  readonly type: NumericType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

export interface StringTensor {
  readonly type: 'string';
  readonly dims: readonly number[];
  readonly strings: readonly string[];
}

export type Tensor = NumericTensor | StringTensor;

/** Named tensors, in the order in which they were given. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A fixed size, a named free size (equal names mean equal sizes), or `null`: free and unnamed. */
export type Dimension = number | string | null;

export interface TensorSpec {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
}

/** What a model takes and gives, as its file says. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Number of elements of a shape; rank 0 has one. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** What a string takes in memory beside its characters: its header, its padding, and its place in a list that grows. */
export const STRING_BYTES = 32;

/**
 * What a tensor holds in memory, in bytes. A string counts for its characters at two bytes each, as where one of them is
 * beyond Latin-1, and for what it takes besides: millions of short or empty ones would else hold memory that nobody counts.
 */
export function tensorBytes(tensor: Tensor): number {
  if (tensor.type !== 'string') return tensor.bytes.byteLength;
  return tensor.strings.reduce((sum, text) => sum + STRING_BYTES + 2 * text.length, 0);
}
