// A JSON body, read key by key; its tensors are filled as they are met.
//
// {"inputs": {name: nested arrays}, "outputs": [names], "parameters": {"timeout": µs, "priority": 0…7}}

import { ServiceError } from '../errors.js';
import { BYTE, JsonReader } from '../json/json-reader.js';
import { readTensor } from '../json/tensor-reader.js';
import { noSuch } from '../nearest.js';
import type { Tensor, TensorSpec } from '../tensor.js';
import type { GivenInputs } from './inputs.js';
import { checkOutput, noOutputs } from './outputs.js';

/** What of a model is needed to read a request for it. Goes to worker threads, so it is plain data. */
export interface RequestPlan {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly string[];
  /** How much memory the strings of the body may take. */
  readonly maxStringBytes: number;
}

export interface JsonRequest {
  readonly inputs: GivenInputs;
  readonly outputs: readonly string[];
  readonly timeoutMs?: number;
  readonly priority?: number;
}

const KEYS = ['inputs', 'outputs', 'parameters'] as const;
const PARAMETERS = ['timeout', 'priority'] as const;

/** RFC 9218's urgencies. */
const MAX_PRIORITY = 7;

/** @throws ServiceError `bad_request` or `invalid_input` that names the place, what was expected and what came. */
export function readRequest(body: Uint8Array, plan: RequestPlan): JsonRequest {
  return new RequestReader(new JsonReader(body, plan), plan).read();
}

interface Parameters {
  timeoutMs?: number;
  priority?: number;
}

class RequestReader {
  readonly #reader: JsonReader;
  readonly #plan: RequestPlan;
  readonly #seen = new Set<string>();
  readonly #inputs: (readonly [string, Tensor])[] = [];
  readonly #parameters: Parameters = {};
  #outputs: readonly string[];

  constructor(reader: JsonReader, plan: RequestPlan) {
    this.#reader = reader;
    this.#plan = plan;
    this.#outputs = plan.outputs;
  }

  read(): JsonRequest {
    this.#requireObject('the body');
    this.#reader.object((key) => {
      this.#once(key, 'key');
      this.#readKey(key);
    });
    this.#reader.end();
    return { inputs: this.#inputs, outputs: this.#outputs, ...this.#parameters };
  }

  #readKey(key: string): void {
    switch (key) {
      case 'inputs':
        this.#requireObject('"inputs"');
        this.#reader.object((name) => this.#readInput(name));
        return;
      case 'outputs':
        this.#outputs = this.#readOutputs();
        return;
      case 'parameters':
        this.#requireObject('"parameters"');
        this.#reader.object((name) => this.#readParameter(name));
        return;
      default:
        throw new ServiceError('bad_request', noSuch('key', key, KEYS));
    }
  }

  #readInput(name: string): void {
    const { inputs } = this.#plan;
    const spec = inputs.find((each) => each.name === name);
    if (spec === undefined) throw new ServiceError('invalid_input', noSuch('input', name, namesOf(inputs)));
    if (this.#inputs.some(([given]) => given === name)) {
      throw new ServiceError('invalid_input', `input ${name} is given twice`);
    }
    this.#inputs.push([name, readTensor(this.#reader, spec)]);
  }

  #readOutputs(): readonly string[] {
    const expected = 'a list of names of outputs';
    if (this.#reader.peek() !== BYTE.openArray) throw this.#unexpected('"outputs"', expected);
    const names: string[] = [];
    this.#reader.array(() => {
      if (this.#reader.peek() !== BYTE.quote) throw this.#unexpected('"outputs"', expected);
      names.push(this.#outputName(names));
    });
    if (names.length === 0) throw noOutputs();
    return names;
  }

  #outputName(before: readonly string[]): string {
    const name = this.#reader.string();
    checkOutput(name, { known: this.#plan.outputs, before });
    return name;
  }

  #readParameter(name: string): void {
    this.#once(name, 'parameter');
    switch (name) {
      case 'timeout':
        this.#parameters.timeoutMs = this.#timeout() / 1000;
        return;
      case 'priority':
        this.#parameters.priority = this.#priority();
        return;
      default:
        throw new ServiceError('bad_request', noSuch('parameter', name, PARAMETERS));
    }
  }

  /** Microseconds, as Open Inference Protocol counts them. */
  #timeout(): number {
    const isValid = (value: number) => value > 0 && Number.isFinite(value);
    return this.#parameter('timeout', 'a number of microseconds above 0', isValid);
  }

  #priority(): number {
    const isValid = (value: number) => Number.isInteger(value) && value >= 0 && value <= MAX_PRIORITY;
    return this.#parameter('priority', `an integer from 0, most urgent, to ${MAX_PRIORITY}`, isValid);
  }

  #parameter(name: string, expected: string, isValid: (value: number) => boolean): number {
    const start = this.#reader.position;
    const value = this.#reader.isAtNumber() ? this.#reader.number() : Number.NaN;
    if (isValid(value)) return value;
    this.#reader.position = start;
    throw this.#unexpected(`parameter "${name}"`, expected);
  }

  #once(name: string, kind: string): void {
    const entry = `${kind} ${JSON.stringify(name)}`;
    if (this.#seen.has(entry)) throw new ServiceError('bad_request', `the ${entry} is given twice`);
    this.#seen.add(entry);
  }

  #requireObject(what: string): void {
    if (this.#reader.peek() !== BYTE.openObject) throw this.#unexpected(what, 'an object');
  }

  #unexpected(what: string, expected: string): ServiceError {
    return new ServiceError('bad_request', `${what} must be ${expected}, got ${this.#reader.describe()}`);
  }
}

const namesOf = (specs: readonly TensorSpec[]): string[] => specs.map(({ name }) => name);
