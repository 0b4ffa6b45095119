// API keys: who is let in, who is not, and what is said of a wrong keys file.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ApiKeys, newKey } from '../../src/http/api-keys.js';
import { tempFolders } from '../support/temp-folders.js';

const makeFolder = tempFolders();
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');

async function apiKeys(content: string | object): Promise<ApiKeys> {
  const folder = await makeFolder({ 'keys.json': content });
  return await ApiKeys.fromFile(join(folder, 'keys.json'));
}

async function refusal(content: string | object): Promise<string> {
  const folder = await makeFolder({ 'keys.json': content });
  const error = await ApiKeys.fromFile(join(folder, 'keys.json')).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error).toBeDefined();
  expect(error!.cause).toBeUndefined();
  return error!.message.replaceAll(`${folder}/`, '');
}

const CI = { name: 'ci', sha256: sha256('key-of-ci'), maxWaiting: 8 };
const WEB = { name: 'web', sha256: sha256('key-of-web').toUpperCase() };

describe('a request', () => {
  test('is from whoever has its key, sent either way', async () => {
    const keys = await apiKeys({ keys: [CI, WEB] });
    expect(keys.authenticate({ authorization: 'Bearer key-of-ci' })).toEqual({ name: 'ci', maxWaiting: 8 });
    expect(keys.authenticate({ authorization: 'bearer  key-of-web ' })).toEqual({ name: 'web' });
    expect(keys.authenticate({ 'x-api-key': 'key-of-ci' })).toEqual({ name: 'ci', maxWaiting: 8 });
    expect(keys.authenticate({ 'x-api-key': 'key-of-web' })).toEqual({ name: 'web' });
  });

  test('may carry another kind of authorization beside its key, for a proxy in front', async () => {
    const keys = await apiKeys({ keys: [CI] });
    expect(keys.authenticate({ authorization: 'Basic dTpw', 'x-api-key': 'key-of-ci' })?.name).toBe('ci');
  });

  test('is nobody’s without a key, with a wrong one or with a wrong bearer', async () => {
    const keys = await apiKeys({ keys: [CI, WEB] });
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      'Bearer key-of-nobody',
      'Bearer key-of-c',
      'Bearer key-of-ci key-of-web',
      'Basic key-of-ci',
      'key-of-ci',
      `Bearer ${CI.sha256}`,
    ]) {
      expect(keys.authenticate({ authorization })).toBeUndefined();
    }
    expect(keys.authenticate({})).toBeUndefined();
    expect(keys.authenticate({ 'x-api-key': '' })).toBeUndefined();
    expect(keys.authenticate({ 'x-api-key': ['key-of-ci'] })).toBeUndefined();
    expect(keys.authenticate({ 'x-api-key': CI.sha256 })).toBeUndefined();
    expect(keys.authenticate({ authorization: 'Bearer wrong', 'x-api-key': 'key-of-ci' })).toBeUndefined();
  });

  test('is nobody’s without a key, even where a file has the hash of nothing', async () => {
    const keys = await apiKeys({ keys: [{ name: 'empty', sha256: sha256('') }] });
    expect(keys.authenticate({})).toBeUndefined();
    expect(keys.authenticate({ authorization: 'Bearer ', 'x-api-key': '' })).toBeUndefined();
  });

  test('may have a key beyond ASCII, which is hashed as the bytes that were sent', async () => {
    const keys = await apiKeys({ keys: [{ name: 'de', sha256: sha256('schlüssel') }] });
    const asNodeReadsIt = Buffer.from('schlüssel', 'utf8').toString('latin1');
    expect(keys.authenticate({ 'x-api-key': asNodeReadsIt })).toEqual({ name: 'de' });
  });
});

describe('a new key', () => {
  test('is let in by its entry, and no other is', async () => {
    const { key, entry } = newKey('ci');
    const keys = await apiKeys({ keys: [newKey('other').entry, { ...entry, maxWaiting: 2 }] });
    expect(keys.authenticate({ authorization: `Bearer ${key}` })).toEqual({ name: 'ci', maxWaiting: 2 });
    expect(keys.authenticate({ authorization: `Bearer ${newKey('ci').key}` })).toBeUndefined();
  });

  test('has 256 random bits, in letters that a header and a shell take as they are', () => {
    const { key, entry } = newKey('ci');
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(entry).toEqual({ name: 'ci', sha256: sha256(key) });
    expect(newKey('ci').key).not.toBe(key);
  });

  test('is not made for a name that the keys file would not take', () => {
    for (const name of ['', 'a b', 'x'.repeat(65), 'a\n']) {
      expect(() => newKey(name)).toThrow(
        `name: expected 1 to 64 letters, digits, ".", "_", "@" or "-", got ${JSON.stringify(name).slice(0, 60)}`,
      );
    }
  });
});

describe('a keys file is refused', () => {
  test('when it is not there', async () => {
    const folder = await makeFolder();
    await expect(ApiKeys.fromFile(join(folder, 'keys.json'))).rejects.toThrow(
      `the keys file ${folder}/keys.json does not exist`,
    );
    await expect(ApiKeys.fromFile(folder)).rejects.toThrow(`${folder} is a folder, not a file`);
  });

  test.each([
    ['[]', 'keys.json: expected an object, got a list'],
    [{}, 'keys.json: keys: is missing; expected a list'],
    [{ keys: [] }, 'keys.json: keys: expected at least 1 entry, got a list'],
    [{ key: [CI] }, 'there is no key "key"; did you mean "keys"?'],
    [{ keys: [CI, { name: 'x' }] }, 'keys.json: keys[1].sha256: is missing; expected text'],
    [{ keys: [{ sha256: CI.sha256 }] }, 'keys.json: keys[0].name: is missing; expected text'],
    [
      { keys: [{ ...CI, name: 'a b' }] },
      'keys.json: keys[0].name: expected 1 to 64 letters, digits, ".", "_", "@" or "-", got text',
    ],
    [
      { keys: [{ ...CI, maxWaiting: 0 }] },
      'keys.json: keys[0].maxWaiting: expected at least 1, got a number',
    ],
    [
      { keys: [{ ...CI, maxWaiting: '8' }] },
      'keys.json: keys[0].maxWaiting: expected a whole number, got text',
    ],
    [
      { keys: [{ ...CI, maxWating: 8 }] },
      'keys.json: keys[0]: there is no key "maxWating"; did you mean "maxWaiting"? There are name, sha256, maxWaiting',
    ],
    [{ keys: [CI, { ...WEB, name: 'CI' }] }, 'keys.json: keys[1].name: is the same as that of keys[0]'],
    [
      { keys: [WEB, CI, { name: 'x', sha256: WEB.sha256.toLowerCase() }] },
      'keys.json: keys[2].sha256: is the same as that of keys[0]',
    ],
  ])('with its place in the file: %j', async (content, message) => {
    expect(await refusal(content)).toContain(message);
  });

  test.each([
    ['instead of a hash', { keys: [{ name: 'x', sha256: 'SECRET-KEY' }] }],
    ['instead of an entry', { keys: ['SECRET-KEY'] }],
    ['as a key of its own', { keys: [{ name: 'x', key: 'SECRET-KEY' }] }],
    ['instead of a name', { keys: [{ name: 'SECRET-KEY !', sha256: CI.sha256 }] }],
    ['instead of all', '"SECRET-KEY"'],
    ['without quotes', '{"keys": [{"name": "x", "sha256": SECRET-KEY}]}'],
    ['without an end', '{"keys": ["SECRET-KEY'],
  ])('without showing a key that stands there %s', async (_place, content) => {
    const message = await refusal(content);
    expect(message).toContain('keys.json: ');
    expect(message).not.toMatch(/SECRET/i);
  });

  test('with a word about keys where hashes belong', async () => {
    expect(await refusal({ keys: [{ name: 'x', sha256: 'SECRET-KEY' }] })).toBe(
      "keys.json: keys[0].sha256: expected the 64 hexadecimal digits of the key's SHA-256, got 10 characters",
    );
    expect(await refusal({ keys: [{ ...CI, key: 'SECRET-KEY' }] })).toBe(
      'keys.json: keys[0]: "key": put the key\'s SHA-256 as "sha256"; the key itself stays with its client',
    );
  });
});
