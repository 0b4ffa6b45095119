// A model's file whose outputs can't all be fetched, made into one whose outputs can: onnxruntime-node gives tensors only.
//
// What scikit-learn exports by default ends in a ZipMap, which makes a tensor of probabilities into a sequence of maps. It is
// replaced by an Identity, so that the output is the tensor, under the same name; its labels become the maps' keys in the
// answer. Outputs of other such types are left out.

import type { LeftOutput } from '../tensor.js';
import { integersOf, messageField, numberField, type Part, partsOf, textField, textOf } from './protobuf.js';
import { type ValueType, valueTypeOf } from './value-types.js';

export interface FittedModel {
  readonly bytes: Uint8Array;
  /** Of outputs that were maps, by name: their keys, in the order of the tensor's last dimension. */
  readonly mapKeys: ReadonlyMap<string, readonly string[]>;
  readonly leftOut: readonly LeftOutput[];
}

/** ModelProto. */
const GRAPH = 7;
const OPSET = 8;
/** GraphProto. */
const NODE = 1;
const INITIALIZER = 5;
const INPUT = 11;
const OUTPUT = 12;
/** NodeProto. */
const NODE_INPUT = 1;
const NODE_OUTPUT = 2;
const NODE_NAME = 3;
const OP_TYPE = 4;
const ATTRIBUTE = 5;
/** AttributeProto. */
const INTS = 8;
const STRINGS = 9;
/** TensorProto. */
const TENSOR_NAME = 8;
const FLOAT32 = 1;
/** An Identity that every release of ONNX Runtime with such models has. */
const OPSET_VERSION = 13;

interface Value extends ValueType {
  readonly name: string;
}

/** @throws Error that names the inputs which can't be fed, or all outputs where none can be fetched. */
export function fitModel(model: Uint8Array): FittedModel {
  const top = [...partsOf(model)];
  const graph = [...partsOf(top.find(({ field }) => field === GRAPH)?.content ?? new Uint8Array())];
  checkInputs(graph);
  const outputs = valuesOf(graph, OUTPUT);
  const zipMaps = zipMapsOf(graph);
  const isWanted = ({ name, isServable }: Value): boolean => !isServable && zipMaps.has(name);
  const mapKeys = new Map(outputs.filter(isWanted).map(({ name }) => [name, zipMaps.get(name)!] as const));
  const leftOut = outputs
    .filter(({ name, isServable }) => !isServable && !mapKeys.has(name))
    .map(({ name, text, cure }) => ({ name, type: text, cure }));
  if (leftOut.length === outputs.length) throw new Error(leftOut.map(outputProblem).join('; '));
  const fitted = graph.map((part) => fittedPart(part, mapKeys, leftOut));
  const parts = top.map((part) =>
    part.field === GRAPH ? messageField(GRAPH, Buffer.concat(fitted)) : part.whole,
  );
  return { bytes: Buffer.concat([...parts, ...opsetFor(top, mapKeys)]), mapKeys, leftOut };
}

export const outputProblem = ({ name, type, cure }: LeftOutput): string =>
  `output ${name} is ${type}, which can't be answered: ${cure}`;

function checkInputs(graph: readonly Part[]): void {
  const wrong = valuesOf(graph, INPUT).filter(({ isServable }) => !isServable);
  if (wrong.length === 0) return;
  const constants = new Set(
    graph.filter(({ field }) => field === INITIALIZER).map(({ content }) => textIn(content, TENSOR_NAME)),
  );
  const problems = wrong
    .filter(({ name }) => !constants.has(name))
    .map(({ name, text, cure }) => `input ${name} is ${text}, which can't be fed: ${cure}`);
  if (problems.length > 0) throw new Error(problems.join('; '));
}

const VALUE_NAME = 1;
const VALUE_TYPE = 2;

function valuesOf(graph: readonly Part[], field: number): Value[] {
  return graph
    .filter((part) => part.field === field)
    .map(({ content }) => {
      const type = [...partsOf(content)].find((part) => part.field === VALUE_TYPE);
      return { name: textIn(content, VALUE_NAME), ...valueTypeOf(type?.content ?? new Uint8Array()) };
    });
}

/** The keys that each ZipMap gives, by the name of its output. */
function zipMapsOf(graph: readonly Part[]): ReadonlyMap<string, readonly string[]> {
  const nodes = graph.filter(({ field, content }) => field === NODE && textIn(content, OP_TYPE) === 'ZipMap');
  return new Map(nodes.map(({ content }) => [textIn(content, NODE_OUTPUT), keysOf(content)]));
}

/** `classlabels_int64s` or `classlabels_strings`: there is no other attribute. */
function keysOf(node: Uint8Array): string[] {
  const attributes = [...partsOf(node)].filter(({ field }) => field === ATTRIBUTE);
  const parts = attributes.flatMap(({ content }) => [...partsOf(content)]);
  const integers = integersOf(parts.filter(({ field }) => field === INTS));
  return [
    ...integers.map(String),
    ...parts.filter(({ field }) => field === STRINGS).map(({ content }) => textOf(content)),
  ];
}

function fittedPart(part: Part, mapKeys: FittedModel['mapKeys'], leftOut: readonly LeftOutput[]): Uint8Array {
  if (part.field === NODE && mapKeys.has(textIn(part.content, NODE_OUTPUT))) return identity(part.content);
  if (part.field !== OUTPUT) return part.whole;
  const name = textIn(part.content, VALUE_NAME);
  if (leftOut.some((output) => output.name === name)) return new Uint8Array();
  return mapKeys.has(name) ? tensorOutput(name) : part.whole;
}

const identity = (zipMap: Uint8Array): Uint8Array =>
  messageField(
    NODE,
    Buffer.concat([
      textField(NODE_INPUT, textIn(zipMap, NODE_INPUT)),
      textField(NODE_OUTPUT, textIn(zipMap, NODE_OUTPUT)),
      textField(NODE_NAME, textIn(zipMap, NODE_NAME)),
      textField(OP_TYPE, 'Identity'),
    ]),
  );

/** Its shape is for ONNX Runtime to find out. */
function tensorOutput(name: string): Uint8Array {
  const type = messageField(1, numberField(1, FLOAT32));
  return messageField(OUTPUT, Buffer.concat([textField(VALUE_NAME, name), messageField(VALUE_TYPE, type)]));
}

/** A model may use no operator but those of ai.onnx.ml. */
function opsetFor(top: readonly Part[], mapKeys: FittedModel['mapKeys']): Uint8Array[] {
  const domains = top.filter(({ field }) => field === OPSET).map(({ content }) => textIn(content, 1));
  if (mapKeys.size === 0 || domains.some((domain) => domain === '' || domain === 'ai.onnx')) return [];
  return [messageField(OPSET, numberField(2, OPSET_VERSION))];
}

/** The first text in this field; empty where there is none. */
function textIn(message: Uint8Array, field: number): string {
  const part = [...partsOf(message)].find((each) => each.field === field);
  return part === undefined ? '' : textOf(part.content);
}
