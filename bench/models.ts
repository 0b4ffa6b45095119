// Model repositories for the benchmark: the shipped models, changed where an experiment needs it, and one of its own.

import { cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { burnModel, SIZE as SIZE_SHIPPED } from '../models/burn/build.js';
import { encodeModel, node } from '../models/burn/onnx-writer.js';
import type { Bench } from './experiment.js';
import type { Processes } from './processes.js';
import { PROJECT } from './servers.js';

/** An empty folder that goes with the benchmark. */
export async function temporaryFolder(processes: Processes): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'oneslot-bench-'));
  processes.keepFolder(folder);
  return folder;
}

/** A repository that holds one shipped model, without some of the keys of its model.json. */
export async function repositoryWith(
  model: string,
  { processes, without = [] }: { processes: Processes; without?: readonly string[] },
): Promise<string> {
  const folder = await temporaryFolder(processes);
  await cp(`${PROJECT}models/${model}/1`, join(folder, model, '1'), { recursive: true });
  const settings = JSON.parse(await readFile(`${PROJECT}models/${model}/model.json`, 'utf8')) as object;
  const kept = Object.entries(settings).filter(([key]) => !without.includes(key));
  await writeFile(join(folder, model, 'model.json'), JSON.stringify(Object.fromEntries(kept)));
  return folder;
}

/** A repository that holds burn, of the size that this benchmark asks for. */
export async function burnRepository(bench: Bench): Promise<string> {
  const folder = await temporaryFolder(bench.processes);
  await addBurn(folder, bench);
  return folder;
}

export async function addBurn(folder: string, { burnSize }: Bench): Promise<void> {
  await mkdir(join(folder, 'burn', '1'), { recursive: true });
  await writeFile(join(folder, 'burn', '1', 'model.onnx'), burnModel(burnSize));
  const settings = JSON.parse(await readFile(`${PROJECT}models/burn/model.json`, 'utf8')) as object;
  // As long as the shipped one's, or nearly so.
  const iterations = Math.round(Math.min(200, Math.max(2, 200 * (SIZE_SHIPPED / burnSize) ** 3)));
  const warmup = { iterations: { value: [iterations] }, seed: { value: [1] } };
  await writeFile(join(folder, 'burn', 'model.json'), JSON.stringify({ ...settings, warmup }));
}

/** A repository that holds `weigh`, whose input is as large and whose run as long as a request asks. */
export async function weighRepository(processes: Processes): Promise<string> {
  const folder = await temporaryFolder(processes);
  await mkdir(join(folder, 'weigh', '1'), { recursive: true });
  await writeFile(join(folder, 'weigh', '1', 'model.onnx'), weighModel());
  return folder;
}

/** Rows and columns of the matrix that is multiplied; an iteration takes some 10 µs. */
const SIZE = 96;

/**
 * One tensor in, one number out, so that both can travel raw. The first element says how many times a matrix is
 * multiplied, the rest is dead weight that is summed up once.
 */
function weighModel(): Uint8Array {
  const cells = SIZE * SIZE;
  return encodeModel({
    producer: 'oneslot',
    description: 'Takes an input of any size, for as long as its first element says',
    graph: {
      name: 'weigh',
      inputs: [{ name: 'data', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'sum', type: 'float32', shape: [1] }],
      constants: [
        { name: 'first', type: 'int64', data: [0] },
        { name: 'second', type: 'int64', data: [1] },
        { name: 'true', type: 'bool', dims: [], data: [1] },
        { name: 'start', type: 'float32', dims: [SIZE, SIZE], data: Array(cells).fill(1 / SIZE) },
      ],
      nodes: [
        node('Slice', ['data', 'first', 'second'], ['iterations_float']),
        node('Cast', ['iterations_float'], ['iterations'], { to: { int: 7 } }),
        node('Loop', ['iterations', 'true', 'start'], ['product'], { body: { graph: multiplication() } }),
        node('ReduceMean', ['product'], ['work'], { axes: { ints: [0, 1] }, keepdims: { int: 0 } }),
        node('ReduceSum', ['data', 'first'], ['weight'], { keepdims: { int: 1 } }),
        node('Add', ['weight', 'work'], ['sum']),
      ],
    },
  });
}

/** x ← start · x; `start` comes from the graph around it. */
function multiplication() {
  return {
    name: 'multiplication',
    inputs: [
      { name: 'index', type: 'int64', shape: [] },
      { name: 'condition_in', type: 'bool', shape: [] },
      { name: 'x_in', type: 'float32', shape: [SIZE, SIZE] },
    ],
    outputs: [
      { name: 'condition_out', type: 'bool', shape: [] },
      { name: 'x_out', type: 'float32', shape: [SIZE, SIZE] },
    ],
    nodes: [
      node('MatMul', ['start', 'x_in'], ['x_out']),
      node('Identity', ['condition_in'], ['condition_out']),
    ],
  } as const;
}

/** A `weigh` input of so many bytes, as a raw little-endian tensor. */
export function weighInput(bytes: number, iterations: number): Uint8Array {
  const data = new Float32Array(bytes / 4);
  data[0] = iterations;
  return new Uint8Array(data.buffer);
}
