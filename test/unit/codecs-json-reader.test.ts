// The JSON reader against JSON.parse: it takes what that takes, gives what that gives, and refuses the rest.

import { expect, test } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import { BYTE, JsonReader } from '../../src/json/json-reader.js';
import { JsonWriter } from '../../src/json/json-writer.js';
import { type Random, seededRandom } from '../support/random.js';

function readValue(reader: JsonReader): unknown {
  switch (reader.peek()) {
    case BYTE.openArray: {
      const items: unknown[] = [];
      reader.array(() => items.push(readValue(reader)));
      return items;
    }
    case BYTE.openObject: {
      const entries: [string, unknown][] = [];
      reader.object((key) => entries.push([key, readValue(reader)]));
      return Object.fromEntries(entries);
    }
    case BYTE.quote:
      return reader.string();
    default:
      return reader.isAtNumber() ? reader.number() : wordOf(reader);
  }
}

function wordOf(reader: JsonReader): boolean | null {
  const word = reader.word();
  if (word === undefined) throw reader.malformed('a value');
  return word;
}

function parse(text: string | Uint8Array): unknown {
  const reader = new JsonReader(Buffer.from(text as string));
  const value = readValue(reader);
  reader.end();
  return value;
}

/** The value, or the code of the error. */
function outcome(text: string | Uint8Array): { value: unknown } | { code: string } {
  try {
    return { value: parse(text) };
  } catch (error) {
    if (error instanceof ServiceError) return { code: error.code };
    throw error;
  }
}

function expected(text: string): { value: unknown } | { code: string } {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { code: 'bad_request' };
  }
}

const messageOf = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
};

test.each([
  '0',
  '-0',
  '1',
  '-1',
  '10',
  '0.5',
  '-0.5e1',
  '1e5',
  '1E+5',
  '1e-5',
  '1.0',
  '1e400',
  '-1e400',
  '1e-400',
  '0e99999999999',
  '01',
  '-',
  '+1',
  '1.',
  '.5',
  '1e',
  '1e+',
  '0x1',
  '1_0',
  'NaN',
  'Infinity',
  '--1',
  '1-',
  '1e5.5',
  '9007199254740993',
  '123456789012345678901234567890',
  '0.1',
  '0.30000000000000004',
  '5e-324',
  '2.2250738585072011e-308',
  '1.7976931348623157e308',
  '1.7976931348623159e308',
  '179769313486231580793e289',
  '4.35',
  '9007199254740991.5',
  'true',
  'false',
  'null',
  'True',
  'nul',
  'truee',
  'nulll',
  'undefined',
  '',
  '""',
  '"a"',
  '"',
  '"a',
  '"\\',
  '"\\"',
  '"\\u12"',
  '"\\u00e9"',
  '"\\x"',
  '"\n"',
  '"\t"',
  '"\u007f"',
  '"ä€😀"',
  '"\\ud83d\\ude00"',
  '[]',
  '[',
  ']',
  '[,]',
  '[1,]',
  '[,1]',
  '[1 2]',
  '[1,2]',
  '[[],[[]]]',
  '[1}',
  '{}',
  '{',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{"a":1,"b":[2]}',
  '{a:1}',
  "{'a':1}",
  '{"a":1 "b":2}',
  '{"a"::1}',
  '1 1',
  '[] []',
  ' [ 1 , 2 ] ',
  '\t\r\n1\n',
  '\u00a01',
  '\f1',
  '\u00001',
  '// x\n1',
  '/* */1',
  '{"__proto__":1}',
  '{"a":1,"a":2}',
  '"\u2028"',
])('%j is read as JSON.parse reads it', (text) => {
  expect(outcome(text)).toEqual(expected(text));
});

/** What copyString() writes, or the code of its error. */
function copied(text: string | Uint8Array): { json: string } | { code: string } {
  const writer = new JsonWriter();
  try {
    const reader = new JsonReader(Buffer.from(text as string));
    const hasNul = !reader.copyString(writer);
    reader.end();
    const json = Buffer.from(writer.take()).toString('utf8');
    return hasNul ? { code: 'NUL' } : { json };
  } catch (error) {
    if (error instanceof ServiceError) return { code: error.code };
    throw error;
  }
}

function expectedCopy(text: string): { json: string } | { code: string } {
  const read = outcome(text);
  if ('code' in read) return read;
  return String(read.value).includes('\0') ? { code: 'NUL' } : { json: JSON.stringify(read.value) };
}

test.each([
  '""',
  '"a"',
  '"ä€😀\u007f\u2028"',
  '"\\b\\f\\n\\r\\t\\/\\\\\\""',
  '"\\u0000"',
  '"a\\u0000b\\n"',
  '"\\\\u0000"',
  '"\\u0001\\u001F\\u0022\\u005c\\u002f\\u0061"',
  '"\\u00e4\\u00E4\\u07ff\\u0800\\uffff\\ud83d\\ude00\\udbff\\udfff"',
  '"x\\ud83d\\ude00y"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud800\\u0061"',
  '"\\ud800x\\udc00"',
  '"\\ud83d\\"ude00"',
  '"\\u12"',
  '"\\u12g4"',
  '"\\u 123"',
  '"\\x"',
  '"\\ä"',
  '"\n"',
  '"\\n\t"',
  '"a',
  '"\\"',
])('the string %s is written as JSON.stringify writes what JSON.parse reads', (text) => {
  expect(copied(text)).toEqual(expectedCopy(text));
});

test('strings of any pieces are written as JSON.stringify writes what JSON.parse reads', () => {
  const random = seededRandom(11);
  const pieces = [
    'a',
    'ä',
    '😀',
    '\\n',
    '\\"',
    '\\\\',
    '\\u00e4',
    '\\ud83d',
    '\\ude00',
    '\\u0000',
    '\\',
    'u0041',
    '\u0001',
  ];
  for (let round = 0; round < 20_000; round++) {
    const text = `"${Array.from({ length: random.below(6) }, () => random.pick(pieces)).join('')}"`;
    expect([text, copied(text)]).toEqual([text, expectedCopy(text)]);
  }
});

test('bytes that are no UTF-8 are not copied', () => {
  for (const bytes of [[0xff], [0xed, 0xa0, 0x80], [0xc3], [0x5c, 0x6e, 0xff]]) {
    expect(copied(Uint8Array.from([0x22, ...bytes, 0x22]))).toEqual({ code: 'bad_request' });
  }
});

test('what JSON.parse lets pass, but no UTF-8 and no tensor can hold, is refused', () => {
  expect(outcome('"\\ud800"')).toEqual({ code: 'bad_request' });
  expect(outcome('"\\udc00\\ud800"')).toEqual({ code: 'bad_request' });
  expect(outcome(Buffer.from([0x22, 0xff, 0x22]))).toEqual({ code: 'bad_request' });
  expect(outcome(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toEqual({ code: 'bad_request' });
  expect(outcome(Buffer.from([0x22, 0xc3, 0x22]))).toEqual({ code: 'bad_request' });
});

test('a byte order mark is passed over', () => {
  expect(parse(Buffer.from([0xef, 0xbb, 0xbf, 0x31]))).toBe(1);
});

test.each([
  ['[1,2', 'broken JSON at byte 4: expected "," or "]", got its end'],
  ['[1,x]', 'broken JSON at byte 3: expected a value, got "x]"'],
  ['{"a":1,b}', 'broken JSON at byte 7: expected a key in quotes, got "b}"'],
  ['{"a" 1}', 'broken JSON at byte 5: expected ":", got "1}"'],
  ['[1] 2', 'broken JSON at byte 4: expected the end, got "2"'],
  ['-x', 'broken JSON at byte 1: expected a digit, got "x"'],
  ['[NaN]', /^broken JSON at byte 1: expected a value, got "NaN]"; .* as "NaN", in quotes$/],
  ['[-NaN]', /; .* as "NaN", in quotes$/],
  ['[nan, 1]', /; .* as "NaN", in quotes$/],
  ['[Infinity]', /; .* as "Infinity" or "-Infinity", in quotes$/],
  ['[-Infinity]', /; .* as "Infinity" or "-Infinity", in quotes$/],
  ['[1, inf]', /; .* as "Infinity" or "-Infinity", in quotes$/],
  ['[True]', /; JSON has true and false in lower case$/],
  ['[None]', /; JSON has null, and no input takes it/],
  ["{'inputs': {}}", /; JSON has strings in double quotes$/],
  ['[.5]', /; JSON has a digit before the point$/],
  ['[+1]', /; JSON has numbers without a plus$/],
  ['"abc', 'broken JSON at byte 4: expected the end of a string, got its end'],
  ['"\\q…"', 'broken JSON at byte 0: expected a string of valid UTF-8 and escapes, got "\\"\\\\q…\\""'],
])('%j: the message says where and what', (text, message) => {
  if (typeof message === 'string') expect(messageOf(text)).toBe(message);
  else expect(messageOf(text)).toMatch(message);
});

function randomNumberText(random: Random): string {
  const digits = (most: number) =>
    Array.from({ length: 1 + random.below(most) }, () => random.below(10)).join('');
  const integer = digits(random.pick([1, 3, 12, 25])).replace(/^0+(?=\d)/, '');
  const fraction = random.below(3) === 0 ? '' : `.${digits(random.pick([2, 8, 17, 30]))}`;
  const exponent =
    random.below(3) > 0 ? '' : `${random.pick(['e', 'E'])}${random.pick(['', '+', '-'])}${digits(2)}`;
  return `${random.pick(['', '-'])}${integer}${fraction}${exponent}`;
}

test('random numbers are the nearest double, and good enough for the nearest float32', () => {
  const random = seededRandom(1);
  for (let round = 0; round < 50_000; round++) {
    const text = randomNumberText(random);
    const bytes = Buffer.from(text);
    const wanted = JSON.parse(text) as number;
    const got = [new JsonReader(bytes).number(), Math.fround(new JsonReader(bytes).float32())];
    if (!Object.is(got[0], wanted) || !Object.is(got[1], Math.fround(wanted)))
      throw new Error(`${text}: ${got}`);
  }
});

test('decimals close to the middle of two float32 are rounded to the right one', () => {
  const random = seededRandom(2);
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  for (let round = 0; round < 20_000; round++) {
    word[0] = random.below(0x7f7fffff);
    const low = float[0]!;
    word[0]!++;
    const middle = (low + float[0]!) / 2;
    for (const text of [middle, middle * (1 - 2e-16), middle * (1 + 4e-16)].flatMap((value) => [
      String(value),
      value.toPrecision(17),
      value.toPrecision(16),
    ])) {
      const got = Math.fround(new JsonReader(Buffer.from(text)).float32());
      if (got !== Math.fround(Number(text))) throw new Error(`${text}: ${got}`);
    }
  }
});

function randomValue(random: Random, depth: number): unknown {
  const kind = random.below(depth > 3 ? 5 : 7);
  const length = random.below(4);
  if (kind === 5) return Array.from({ length }, () => randomValue(random, depth + 1));
  if (kind === 6)
    return Object.fromEntries(
      Array.from({ length }, () => [randomText(random), randomValue(random, depth + 1)]),
    );
  if (kind === 0) return randomText(random);
  return random.pick([
    true,
    false,
    null,
    random.below(1000),
    -random.unit(),
    random.unit() * 1e-20,
    random.uint32() * 1e15,
  ]);
}

function randomText(random: Random): string {
  const letters = ['a', '"', '\\', '\n', '\u0000', 'ä', '€', '😀', '/', '\u007f', ' ', '\ufeff'];
  return Array.from({ length: random.below(6) }, () => random.pick(letters)).join('');
}

/** Bytes changed, left out, repeated or cut off: mostly broken JSON, sometimes not. */
function mutated(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const insertion = random.pick([
    '',
    ',',
    '"',
    '[',
    ']',
    '{',
    '}',
    ':',
    '0',
    '-',
    '.',
    'e',
    '\\',
    ' ',
    'u',
    'null',
  ]);
  return text.slice(0, at) + insertion + text.slice(at + random.below(3));
}

test('random documents, whole and broken, are read as JSON.parse reads them', () => {
  const random = seededRandom(3);
  let broken = 0;
  for (let round = 0; round < 20_000; round++) {
    const whole = JSON.stringify(randomValue(random, 0), null, random.below(3));
    const text = random.below(3) === 0 ? whole : mutated(whole, random);
    if (/\p{Surrogate}/u.test(text)) continue;
    const wanted = expected(text);
    if ('code' in wanted) broken++;
    if (JSON.stringify(outcome(text)) !== JSON.stringify(wanted))
      throw new Error(`read otherwise: ${JSON.stringify(text)}`);
  }
  expect(broken).toBeGreaterThan(1000);
});
