// Large answers in pieces: the same text as a whole, whatever the types and shapes.

import { afterAll, describe, expect, test } from '@jest/globals';
import { writeAnswer } from '../../src/codecs/answer.js';
import { createCodecs } from '../../src/codecs/codecs.js';
import {
  ELEMENT_BYTES,
  elementCount,
  type NumericTensor,
  type NumericType,
  stringTensor,
  type Tensors,
} from '../../src/tensor.js';
import { codecModel, spec, textOf } from '../support/codec-models.js';
import { refusalOf } from '../support/errors.js';

const codecs = createCodecs({ maxBodyBytes: 2 ** 23, maxAnswerBytes: 2 ** 28 });
afterAll(() => codecs.close());

const SENTENCE = 'A sentence as people write it, with a few words.';

const KEYS = Array.from({ length: 17 }, (_, index) => `"${index} ü`);

const model = codecModel({
  inputs: [spec('x', 'float32', ['n'])],
  outputs: [
    spec('y', 'float32', ['n']),
    spec('label', 'int64', ['n']),
    { ...spec('maps', 'float32', ['n', 17]), mapKeys: KEYS },
  ],
  settings: { labels: { label: ['even', 'odd'] } },
});

describe('an answer that is written in pieces', () => {
  const written = async (outputs: Tensors, maxAnswerBytes = 2 ** 28): Promise<string> => {
    const own = createCodecs({ maxBodyBytes: 2 ** 23, maxAnswerBytes });
    try {
      return await textOf(own.encodeJson({ model, outputs }));
    } finally {
      await own.close();
    }
  };
  const whole = ({ outputs }: { outputs: Tensors }): string => {
    const { name, version, settings } = model;
    const answer = {
      model: name,
      version,
      outputs: Object.entries(outputs),
      mapKeys: { maps: KEYS },
      labels: settings.labels,
    };
    return Buffer.from(writeAnswer({ ...answer, maxBytes: 2 ** 30 })).toString('utf8');
  };

  /** More than a piece has, and no multiple of it. */
  const COUNT = 3 * 5 * 7 * 11 * 13 * 17;
  const numbers = (type: NumericType, dims: readonly number[]): NumericTensor => {
    const bytes = new Uint8Array(elementCount(dims) * ELEMENT_BYTES[type]);
    for (let at = 0; at < bytes.length; at += 3) bytes[at] = at % 251;
    return { type, dims, bytes };
  };

  test.each<[NumericType, readonly number[]]>([
    ['float32', [COUNT]],
    ['float64', [COUNT / 17, 17]],
    ['float16', [3, 5, COUNT / 15]],
    ['uint8', [COUNT, 1, 1]],
    ['int64', [1, COUNT / 3, 3]],
    ['bool', [1, 1, COUNT]],
    ['int32', [COUNT / 1001, 7, 11, 13]],
  ])('is the same as a whole: %s%j', async (type, dims) => {
    const outputs: Tensors = {
      y: numbers(type, dims),
      label: numbers('int64', [2, 1]),
      z: numbers('int8', [0, 2]),
    };
    expect(await written(outputs)).toBe(whole({ outputs }));
  });

  test.each([[[COUNT]], [[COUNT / 17, 17]], [[1, COUNT, 1]]])(
    'is the same as a whole: strings%j',
    async (dims) => {
      const words = ['', 'plain', '"quoted"', '\\', '\\"', '[1,2]', 'é€😀', SENTENCE];
      const strings = Array.from({ length: COUNT }, (_, index) => words[index % words.length]!);
      const outputs: Tensors = { y: stringTensor(dims, strings) };
      expect(await written(outputs)).toBe(whole({ outputs }));
    },
  );

  test('is the same as a whole: maps, also where there is but one', async () => {
    const text = await written({ maps: numbers('float32', [COUNT / 17, 17]) });
    expect(text).toBe(whole({ outputs: { maps: numbers('float32', [COUNT / 17, 17]) } }));
    const { maps } = JSON.parse(text).outputs;
    expect([maps.length, Object.keys(maps[0])]).toEqual([COUNT / 17, KEYS]);
    const one = await written({ maps: numbers('float32', [17]) });
    expect(Object.keys(JSON.parse(one).outputs.maps[0])).toEqual(KEYS);
  });

  test('holds labels too', async () => {
    const bytes = new Uint8Array(8 * COUNT);
    for (let index = 0; index < COUNT; index++) bytes[8 * index] = index % 3;
    const outputs: Tensors = { label: { type: 'int64', dims: [COUNT / 5, 5], bytes } };
    expect(await written(outputs)).toBe(whole({ outputs }));
  });

  test('is refused before its first piece where its text is longer than an answer may be, and given where it just fits', async () => {
    const outputs: Tensors = { y: numbers('float32', [COUNT]) };
    const { length } = whole({ outputs });
    expect(await written(outputs, length)).toHaveLength(length);
    for (const maxBytes of [length - 1, COUNT]) {
      expect((await refusalOf(() => written(outputs, maxBytes))).code).toBe('answer_too_large');
    }
  });

  test('ends when nobody wants it any more', async () => {
    let isWanted = true;
    const text = await codecs.encodeJson({
      model,
      outputs: { y: numbers('float32', [20 * COUNT]) },
      isWanted: () => isWanted,
    });
    let pieces = 0;
    for await (const _ of text as AsyncIterable<Uint8Array>) {
      pieces += 1;
      isWanted = pieces < 4;
    }
    expect(pieces).toBe(4);
  });
});
