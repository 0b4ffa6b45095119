// What travels between codecs, queue and runner: a typed, shaped block of bytes. Strings are bytes too, so that threads
// and processes hand a million of them on as one thing.

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

/** `bytes` is the flat list of the strings as JSON.stringify writes it, in UTF-8. */
export interface StringTensor {
  readonly type: 'string';
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

export type Tensor = NumericTensor | StringTensor;

/** Dimensions that a tensor of any rank may have; those in use have few. */
export const MAX_RANK = 32;

/** Named tensors, in the order in which they were given. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A fixed size, a named free size (equal names mean equal sizes), or `null`: free and unnamed. */
export type Dimension = number | string | null;

export interface TensorSpec {
  readonly name: string;
  readonly type: ElementType;
  /** `null`: of any rank, since the model's file does not say it. */
  readonly shape: readonly Dimension[] | null;
  /** Of an output that the file makes into maps: their keys, in the order of the last dimension. JSON shows the maps. */
  readonly mapKeys?: readonly string[];
}

/** An output that can't be answered: left out, so that the others can. */
export interface LeftOutput {
  readonly name: string;
  /** As in `a sequence of float32`. */
  readonly type: string;
  /** How to export the model so that it can be. */
  readonly cure: string;
}

/** What a model takes and gives, as its file says. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly leftOut?: readonly LeftOutput[];
}

/** Number of elements of a shape; rank 0 has one. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** A tensor of these strings, in row-major order, in memory of its own. */
export function stringTensor(dims: readonly number[], strings: readonly string[]): StringTensor {
  // Not by Buffer.from: that gives a slice of Node's pool, which can't be transferred to another thread.
  return { type: 'string', dims, bytes: new TextEncoder().encode(JSON.stringify(strings)) };
}

/** Zeros, or empty strings. */
export function zeros(type: ElementType, dims: readonly number[]): Tensor {
  const count = elementCount(dims);
  if (type === 'string') return stringTensor(dims, Array<string>(count).fill(''));
  return { type, dims, bytes: new Uint8Array(count * ELEMENT_BYTES[type]) };
}

/** Makes the strings: for who needs them one by one, and not on the event loop. */
export function stringsOf({ bytes }: StringTensor): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return JSON.parse(text) as string[];
}

/**
 * What a tensor holds in memory, in bytes. Strings count as their text, since that is all of them that waits: they are
 * made in the runner's session thread alone, and live for one run. There an empty one takes some ten times its three
 * bytes of text, so the reader of JSON holds those of one body to what they would take.
 */
export function tensorBytes(tensor: Tensor): number {
  return tensor.bytes.byteLength;
}

/** What all of them hold. */
export function tensorsBytes(tensors: Tensors): number {
  let bytes = 0;
  for (const name in tensors) bytes += tensorBytes(tensors[name]!);
  return bytes;
}
