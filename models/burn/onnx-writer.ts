// Writes small ONNX models from TypeScript, so that generated models need neither Python nor a dependency.
//
// A model is described as plain data (`ModelSpec`) and encoded once, at the end. ONNX files are protocol buffers:
// the field numbers below are those of onnx.proto3, where each message is named as in the comments here. Only what
// small models need is written: no sequences, maps, optionals, sparse tensors or external data.

import type { ElementType } from '../../src/tensor.js';

/** TensorProto.DataType. */
const DATA_TYPES: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
};

/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 };

/** IR version 8 is the first with opset 17, and ONNX Runtime has read it since 1.11. */
const IR_VERSION = 8;

/** A constant: float16 as its 16 bits, bool as 0 or 1, integers as numbers where these are exact. */
export interface ConstantSpec {
  readonly name: string;
  readonly type: ElementType;
  /** Left out for a list as long as `data`; `[]` for a scalar. */
  readonly dims?: readonly number[];
  readonly data: readonly (number | bigint | string)[];
}

/** An input or output; a dimension is a fixed size or the name of a free one, and a shape of `null` any shape. */
export interface ValueSpec {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[] | null;
}

export type Attribute =
  | { readonly float: number }
  | { readonly int: number | bigint }
  | { readonly string: string }
  | { readonly tensor: ConstantSpec }
  | { readonly graph: GraphSpec }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly strings: readonly string[] };

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Operator set, where it is not ONNX's own. */
  readonly domain?: string;
}

export interface GraphSpec {
  readonly name: string;
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly constants?: readonly ConstantSpec[];
  readonly nodes: readonly NodeSpec[];
}

export interface ModelSpec {
  readonly graph: GraphSpec;
  readonly producer: string;
  readonly description?: string;
  /** Version of each operator set by its domain; `''` is ONNX's own. @default { '': 17 } */
  readonly opsets?: Readonly<Record<string, number>>;
}

/** Short form of a node that has no attributes but these. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): NodeSpec {
  return { op, inputs, outputs, attributes };
}

/** The bytes of a `.onnx` file (ModelProto). */
export function encodeModel({ graph, producer, description, opsets = { '': 17 } }: ModelSpec): Uint8Array {
  return concat([
    integer(1, IR_VERSION),
    text(2, producer),
    ...(description === undefined ? [] : [text(6, description)]),
    bytes(7, encodeGraph(graph)),
    ...Object.entries(opsets).map(([domain, version]) =>
      bytes(8, concat([text(1, domain), integer(2, version)])),
    ),
  ]);
}

/** GraphProto. */
function encodeGraph({ name, inputs, outputs, constants = [], nodes }: GraphSpec): Uint8Array {
  return concat([
    ...nodes.map((spec) => bytes(1, encodeNode(spec))),
    text(2, name),
    ...constants.map((constant) => bytes(5, encodeTensor(constant))),
    ...inputs.map((value) => bytes(11, encodeValue(value))),
    ...outputs.map((value) => bytes(12, encodeValue(value))),
  ]);
}

/** NodeProto; it is named after its first output, so that ONNX Runtime's messages say which node they mean. */
function encodeNode({ op, inputs, outputs, attributes = {}, domain }: NodeSpec): Uint8Array {
  return concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(3, `${outputs[0]}_${op}`),
    text(4, op),
    ...Object.entries(attributes).map(([name, attribute]) => bytes(5, encodeAttribute(name, attribute))),
    ...(domain === undefined ? [] : [text(7, domain)]),
  ]);
}

/** AttributeProto. */
function encodeAttribute(name: string, attribute: Attribute): Uint8Array {
  const [kind] = Object.keys(attribute) as [keyof typeof ATTRIBUTE_TYPES];
  return concat([text(1, name), ...attributeValue(attribute), integer(20, ATTRIBUTE_TYPES[kind])]);
}

function attributeValue(attribute: Attribute): Uint8Array[] {
  if ('float' in attribute) return [float(2, attribute.float)];
  if ('int' in attribute) return [integer(3, attribute.int)];
  if ('string' in attribute) return [text(4, attribute.string)];
  if ('tensor' in attribute) return [bytes(5, encodeTensor(attribute.tensor))];
  if ('graph' in attribute) return [bytes(6, encodeGraph(attribute.graph))];
  if ('floats' in attribute) return attribute.floats.map((value) => float(7, value));
  if ('ints' in attribute) return attribute.ints.map((value) => integer(8, value));
  return attribute.strings.map((value) => text(9, value));
}

/** ValueInfoProto › TypeProto › TypeProto.Tensor › TensorShapeProto › Dimension. */
function encodeValue({ name, type, shape }: ValueSpec): Uint8Array {
  const dimensions = shape?.map((size) =>
    bytes(1, typeof size === 'number' ? integer(1, size) : text(2, size)),
  );
  const shapeField = dimensions === undefined ? [] : [bytes(2, concat(dimensions))];
  const tensorType = concat([integer(1, DATA_TYPES[type]), ...shapeField]);
  return concat([text(1, name), bytes(2, bytes(1, tensorType))]);
}

/** TensorProto. */
function encodeTensor({ name, type, data, dims = [data.length] }: ConstantSpec): Uint8Array {
  return concat([
    ...dims.map((size) => integer(1, size)),
    integer(2, DATA_TYPES[type]),
    ...(type === 'string' ? data.map((value) => text(6, String(value))) : []),
    text(8, name),
    ...(type === 'string' ? [] : [bytes(9, rawData(type, data))]),
  ]);
}

function rawData(type: Exclude<ElementType, 'string'>, data: ConstantSpec['data']): Uint8Array {
  const { size, put } = ELEMENTS[type];
  const raw = new Uint8Array(data.length * size);
  const view = new DataView(raw.buffer);
  data.forEach((value, index) => {
    put(view, index * size, value);
  });
  return raw;
}

interface Element {
  readonly size: number;
  put(view: DataView, offset: number, value: number | bigint | string): void;
}

const BYTE: Element = { size: 1, put: (view, offset, value) => view.setUint8(offset, Number(value)) };
const TWO_BYTES: Element = {
  size: 2,
  put: (view, offset, value) => view.setUint16(offset, Number(value), true),
};
const FOUR_BYTES: Element = {
  size: 4,
  put: (view, offset, value) => view.setUint32(offset, Number(value), true),
};
const EIGHT_BYTES: Element = {
  size: 8,
  put: (view, offset, value) => view.setBigUint64(offset, BigInt(value), true),
};

/** The setters wrap, so a negative integer becomes the two's complement that the signed type reads. */
const ELEMENTS: Readonly<Record<Exclude<ElementType, 'string'>, Element>> = {
  bool: BYTE,
  int8: BYTE,
  uint8: BYTE,
  int16: TWO_BYTES,
  uint16: TWO_BYTES,
  float16: TWO_BYTES,
  int32: FOUR_BYTES,
  uint32: FOUR_BYTES,
  int64: EIGHT_BYTES,
  uint64: EIGHT_BYTES,
  float32: { size: 4, put: (view, offset, value) => view.setFloat32(offset, Number(value), true) },
  float64: { size: 8, put: (view, offset, value) => view.setFloat64(offset, Number(value), true) },
};

// Protocol buffers' wire format: a key (field number and wire type), then a varint, four bytes, or a length and bytes.

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

function integer(field: number, value: number | bigint): Uint8Array {
  return concat([key(field, VARINT), varint(value)]);
}

function float(field: number, value: number): Uint8Array {
  const raw = new Uint8Array(4);
  new DataView(raw.buffer).setFloat32(0, value, true);
  return concat([key(field, FIXED_32), raw]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return concat([key(field, LENGTH_DELIMITED), varint(value.length), value]);
}

function key(field: number, wireType: number): Uint8Array {
  return varint((field << 3) | wireType);
}

/** Seven bits a byte, the lowest first, the top bit set on all but the last; negatives as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const groups: number[] = [];
  while (rest > 0x7fn) {
    groups.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Uint8Array.from([...groups, Number(rest)]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
