// Requests whose path, method or headers are strange, around a body that is right.

import type { FuzzRequest, Generator } from './case.js';
import { jsonRequest, withHeader } from './good.js';
import { partsOf, wordsOf } from './lists.js';

const SMALL = JSON.stringify({ inputs: { x: [1, 2, 3] } });

const LONG = 'x'.repeat(5000);
const JUNK = [...partsOf('| |,|;|=|"|\\|\t|*|/|*/*|null|-1|0|1e999|é|()<>@'), LONG];

/** Values by header, beside junk. None makes a right request more than a refused one. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  accept: partsOf('*/*|text/html|application/json;q=0|application/*|image/png, text/event-stream|;q=1|a/b/c'),
  'accept-encoding': ['gzip', 'identity;q=0', '*;q=0'],
  'content-type': partsOf(
    'application/json; charset=utf-16|APPLICATION/JSON|application/json,text/plain|text/json',
  ),
  'content-encoding': ['identity', 'gzip, br', 'x-gzip', 'zstd', 'GZIP', 'gzip;q=1'],
  prefer: partsOf('wait=0|wait=-1|wait=1e9|wait|wait=""|wait=0.001|respond-async, wait=5|wait=NaN'),
  priority: ['u=8', 'u=-1', 'u=1.5', 'u', 'i', 'u="3"', 'u=1, u=9', '?', 'u=9999999999999999', '\u00ff'],
  'x-request-id': ['a b', '{"a":1}', 'ünïcode', "'; drop table", '<script>', 'x'.repeat(129)],
  'tensor-shape': ['3', '1,8,8', '-1'],
  authorization: ['Bearer', 'Basic x', `Bearer ${LONG}`],
  'x-api-key': ['key'],
  connection: ['close', 'keep-alive', 'x-request-id', 'content-length'],
  cookie: ['a=b', '__proto__=1'],
  'x-forwarded-for': ['127.0.0.1, ::1'],
  'if-none-match': ['*'],
  range: ['bytes=0-0'],
  upgrade: ['websocket', 'h2c'],
  te: ['trailers'],
  from: ['x'],
  constructor: ['x'],
};

const HEAD_STATUSES = [200, 400, 406, 413, 415];

const headers: Generator = (random) => {
  let request: FuzzRequest = { ...jsonRequest('wide', SMALL), statuses: HEAD_STATUSES, hasDeadline: true };
  for (let more = random.below(3); more >= 0; more--) {
    const name = random.pick(Object.keys(HEADERS));
    request = withHeader(request, name, random.pick([...HEADERS[name]!, ...HEADERS[name]!, ...JUNK]));
  }
  return request;
};

/** Each name that is known, more than once. */
const repeated: Generator = (random) => {
  const name = random.pick(['prefer', 'priority', 'x-request-id', 'accept', 'tensor-shape', 'x-api-key']);
  const values = Array.from({ length: 2 + random.below(30) }, () => random.pick(HEADERS[name]!));
  const request = { ...jsonRequest('wide', SMALL), statuses: HEAD_STATUSES, hasDeadline: true };
  return withHeader(request, name, values);
};

const tooMuch: Generator = (random) => {
  const request = { ...jsonRequest('wide', SMALL), statuses: [431] };
  if (random.below(2) === 0) return withHeader(request, 'cookie', 'c'.repeat(17_000 + random.below(20_000)));
  return { ...request, path: `/predict/${'a'.repeat(17_000)}` };
};

const NAMES = [
  ...partsOf(
    'digts|DIGITS|digits%20||.|..|__proto__|constructor|toString|1|*|:model|%00|%2e%2e|%F0%9F%98%80',
  ),
  ...wordsOf('..%2f..%2fetc%2fpasswd digits%2f1 digits%00 digits?x=1 digits#a'),
  LONG,
];

const models: Generator = (random) => {
  const path = `/predict/${random.pick(NAMES)}`;
  return { ...jsonRequest('', SMALL), path, statuses: [400, 404] };
};

const PATHS = wordsOf(`
  / // /predict /predict/ /predict//digits /predict/digits/ /predict/digits/1 /PREDICT/digits /%70redict/digits
  /./predict/digits /predict/../metrics /predict/%2e%2e/metrics /predict/%ff /%ff /models/% /models/..%2f..
  /models/__proto__ /models/digits/.. /metrics?a[b]=c /metrics/ /admin /healthz /readyz /scaling /models
  /models/digits /metrics /favicon.ico /.git/config /%00 * /? /;a=b /predict;v=1/digits /v2/models/digits/infer
  /predict\\digits /~ /%2fhealthz
`);

const QUERIES = [
  ...wordsOf(
    'outputs= outputs=, outputs=labels outputs=label,label outputs=label, outputs=__proto__ outputs=%',
  ),
  ...wordsOf('outputs=label&outputs=label outputs=%00 outputs=%ff outputs=Label'),
  `outputs=${'label,'.repeat(1000)}`,
];

/** None names outputs that there are, each once. */
const queries: Generator = (random) => {
  const path = `/predict/digits?${random.pick(['', 'a=b&', '&&', '%&', '__proto__=1&'])}${random.pick(QUERIES)}`;
  return { ...jsonRequest('', '{"inputs":{"image":[]}}'), path };
};

const METHODS = wordsOf(
  'GET HEAD POST PUT DELETE PATCH OPTIONS TRACE PROPFIND MKCOL M-SEARCH SEARCH LINK PURGE',
);

/** The paths of all routes are among these, so that much is answered 200. */
const paths: Generator = (random) => {
  const method = random.pick(METHODS);
  const body = random.below(2) === 0 ? Buffer.alloc(0) : Buffer.from(SMALL);
  return { ...jsonRequest('', body), method, path: random.pick(PATHS), statuses: [200, 400, 404, 405] };
};

const AROUND = { headers, repeated, tooMuch };
const TARGETS = { models, paths, queries };

export const WRONG_HEADS: Readonly<Record<string, Generator>> = { ...AROUND, ...TARGETS };
