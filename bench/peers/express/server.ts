// The same work on plain Express, with onnxruntime-node in the same process. A program of its own, started by the starter.

import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { MODELS, THREADS, PORT, PROVIDER } = process.env as Record<
  'MODELS' | 'THREADS' | 'PORT' | 'PROVIDER',
  string
>;

const load = (name: string, intraOpNumThreads: number): Promise<InferenceSession> =>
  InferenceSession.create(`${MODELS}/${name}/1/model.onnx`, {
    intraOpNumThreads,
    // The CPU takes what the GPU can’t, as in oneslot.
    executionProviders: [...new Set([PROVIDER, 'cpu'])],
  });

// As oneslot's digits do: more threads than one cost such a small model more than they give.
const digits = await load('digits', 1);
const burn = await load('burn', Number(THREADS));
const weigh = await load('weigh', Number(THREADS));

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '64mb' }));
app.use(express.raw({ type: 'application/octet-stream', limit: '64mb' }));

app.get('/healthz', (_request, response) => {
  response.json({ alive: true });
});

app.post('/wait', async (request, response) => {
  await delay(request.body.seconds * 1000);
  response.json({ waited: request.body.seconds });
});

app.post('/burn', async (request, response) => {
  const { iterations, seed = [1] } = request.body.inputs as { iterations: number[]; seed?: number[] };
  const startedMs = performance.now();
  const { checksum, head } = await burn.run({ iterations: int64(iterations), seed: int64(seed) });
  const ms = performance.now() - startedMs;
  response.json({ outputs: { checksum: Number(checksum!.data[0]), head: plain(head!) }, ms });
});

app.post('/weigh', async (request, response) => {
  const { buffer, byteOffset, byteLength } = request.body as Buffer;
  const isAligned = byteOffset % 4 === 0;
  const bytes = isAligned ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  const data = new Float32Array(bytes as ArrayBuffer, isAligned ? byteOffset : 0, byteLength / 4);
  const { sum } = await weigh.run({ data: new Tensor('float32', data, [data.length]) });
  response.json({ outputs: { sum: plain(sum!) } });
});

app.post('/predict', async (request, response) => {
  const image = request.body.inputs.image as number[][][];
  const shape = [image.length, image[0]!.length, image[0]![0]!.length];
  const tensor = new Tensor('float32', Float32Array.from(image.flat(2)), shape);
  const { probabilities, label } = await digits.run({ image: tensor });
  const rows = Array.from({ length: image.length }, (_, row) =>
    plain(probabilities!).slice((row * probabilities!.data.length) / image.length, (row + 1) * 10),
  );
  response.json({ outputs: { probabilities: rows, label: plain(label!) } });
});

app.listen(Number(PORT), '127.0.0.1');

function int64(values: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
}

function plain({ data }: Tensor): number[] {
  return Array.from(data as ArrayLike<number | bigint>, Number);
}
