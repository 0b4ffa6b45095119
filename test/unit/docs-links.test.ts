// Every relative link of the documentation leads somewhere.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const pages = readdirSync(PROJECT).filter((name) => name.endsWith('.md'));
const docs = readdirSync(join(PROJECT, 'docs')).filter((name) => name.endsWith('.md'));

test.each([...pages, ...docs.map((name) => `docs/${name}`)])('the links of %s lead somewhere', (page) => {
  const text = readFileSync(join(PROJECT, page), 'utf8').replace(/```.*?```/gs, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!.split('#', 1)[0]!);
  const relative = targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target));
  expect(relative.filter((target) => !existsSync(join(PROJECT, dirname(page), target)))).toEqual([]);
});
