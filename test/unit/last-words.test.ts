// Of what a runner wrote before it ended, what says why.

import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { LastWords } from '../../src/runner/last-words.js';

function tellingOf(lines: readonly string[]): readonly string[] {
  const words = new LastWords();
  for (const line of lines) words.add(line);
  return words.telling;
}

/** What Node itself prints of such a program's end. */
function printedBy(program: string, type = 'module'): string[] {
  const args = [`--input-type=${type}`, '--eval', program];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr.split('\n');
}

const DEEP = 'const dig = (n) => { if (n === 0) FAIL; dig(n - 1); }; dig(20);';

test.each(['module', 'commonjs'])('the error, not the stack below it (%s)', (type) => {
  const printed = printedBy(DEEP.replace('FAIL', "throw new TypeError('the cause')"), type);
  expect(tellingOf(printed)).toEqual(['TypeError: the cause']);
});

test('an error with a code, and the lines that belong to it', () => {
  const printed = printedBy("import('no-such-package')");
  expect(tellingOf(printed)[0]).toMatch(
    /^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find package 'no-such-package'/,
  );
  const [first] = tellingOf(printedBy("throw new Error('one\\ntwo')"));
  expect(first).toBe('Error: one');
});

test('the last lines of a program that threw nothing', () => {
  const lines = [
    'warning 1',
    'terminate called after throwing an instance of std::bad_alloc',
    '  what():  std::bad_alloc',
  ];
  expect(tellingOf(lines)).toEqual(lines);
  expect(tellingOf(['1', '2', '3', '4', '5', '6', '7'])).toEqual(['3', '4', '5', '6', '7']);
});

test('nothing of before they were forgotten', () => {
  const words = new LastWords();
  words.add('Error: old');
  words.clear();
  expect(words.telling).toEqual([]);
});

test('no more than so much', () => {
  const words = new LastWords();
  for (let count = 0; count < 1e4; count++) words.add('x'.repeat(1e4));
  expect(words.telling.join('').length).toBe(2500);
});
