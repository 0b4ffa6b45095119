// Bytes that no HTTP client would send, on a socket of their own.

import type { FuzzRequest, Wire, WireGenerator } from './case.js';
import { jsonRequest, rightRequest } from './good.js';
import { partsOf, wordsOf } from './lists.js';
import { randomBytes } from './mutate.js';
import { anyRight } from './rights.js';

const SMALL = JSON.stringify({ inputs: { x: [1, 2, 3] } });
const MALFORMED = [400];

/** The head of a prediction that would be right, but for the lines that are given. */
function head(lines: readonly string[], start = 'POST /predict/wide HTTP/1.1'): string {
  return [start, 'Host: fuzz', 'Content-Type: application/json', ...lines, '', ''].join('\r\n');
}

function wire(text: string | Uint8Array, statuses: readonly number[] = MALFORMED): Wire {
  const sent = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  return { bytes: sent, next: { answers: 1 }, statuses };
}

const withLength = (length: string | number): string[] => [`Content-Length: ${length}`];

const noise: WireGenerator = (random) => {
  const end = Buffer.from(random.pick(['', '\r\n\r\n', '\n\n', ' HTTP/1.1\r\n\r\n']));
  return {
    ...wire(Buffer.concat([randomBytes(random, random.below(400)), end]), [400, 431]),
    next: 'half-close',
  };
};

const OTHER_PROTOCOLS = [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'SSH-2.0-OpenSSH_9.6\r\n',
  'EHLO fuzz\r\n',
  '*1\r\n$4\r\nPING\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  '\0\0\0\0',
];

const otherProtocols: WireGenerator = (random) => wire(random.pick(OTHER_PROTOCOLS));

const STARTS = partsOf(
  'FOO / HTTP/1.1|post /predict/wide HTTP/1.1|POST  /predict/wide HTTP/1.1|POST /pre dict HTTP/1.1|POST HTTP/1.1|' +
    'POST /predict/wide HTTP/9.9|POST /predict/wide HTTP/1|POST /predict/wide http/1.1|\0 / HTTP/1.1|' +
    'POST /predict/w\0ide HTTP/1.1|POST /predict/\xff HTTP/1.1| POST /predict/wide HTTP/1.1',
);

const wrongStarts: WireGenerator = (random) => wire(head(withLength(0), random.pick(STARTS)));

/** Forms of the target that HTTP knows beside the path, right and wrong. */
const TARGETS = wordsOf(
  'http://fuzz/healthz http://[bad/ https://a@b:1/readyz //[:: /// * /a% wide ? \\wide',
);

const targets: WireGenerator = (random) => {
  const method = random.pick(['GET', 'POST', 'OPTIONS']);
  return wire(head(withLength(0), `${method} ${random.pick(TARGETS)} HTTP/1.1`), [200, 400, 404, 405]);
};

const LENGTHS = partsOf('-1|+5|0x10|1e3|5, 5|5 5|| |99999999999999999999|NaN|5\r\nContent-Length: 6');

const wrongLengths: WireGenerator = (random) => wire(head(withLength(random.pick(LENGTHS))) + SMALL);

/** What is past the length is taken for the next request, and is none. */
const tooShortLength: WireGenerator = (random) => {
  const claimed = random.below(SMALL.length);
  return { ...wire(head(withLength(claimed)) + SMALL), next: 'half-close' };
};

const CODINGS = partsOf(
  'gzip|identity|chunked, chunked|chunked, gzip|xchunked|\x0bchunked|chunked\r\nContent-Length: 3',
);

/** A coding that nobody knows here is 501 (RFC 9112, 6.1); what can't be told apart from smuggling is 400. */
const transferCodings: WireGenerator = (random) =>
  wire(`${head([`Transfer-Encoding: ${random.pick(CODINGS)}`])}3\r\n{"i\r\n0\r\n\r\n`, [400, 501]);

const CHUNKS = partsOf(
  'zz\r\nab\r\n|-1\r\n|ffffffffffffffffff\r\n|3\r\nabcdef\r\n|1;\0=x\r\na\r\n0\r\n\r\n|\r\n\r\n|3 3\r\nabc',
);

const chunks: WireGenerator = (random) => {
  return { ...wire(head(['Transfer-Encoding: chunked']) + random.pick(CHUNKS)), next: 'half-close' };
};

const LINES = partsOf(
  'No colon|: no name|Sp ace: x|Nul: a\0b|Ctl: a\x01b|X\0: y|Tab\t: x|\xff\xfe: x|(x): y| folded|Cr: a\rb|Host : x|' +
    'Content-Length : 3|Transfer-Encoding : chunked',
);

const wrongLines: WireGenerator = (random) => wire(head([random.pick(LINES), ...withLength(0)]));

const manyLines: WireGenerator = (random) => {
  const lines = Array.from(
    { length: 400 + random.below(2000) },
    (_, index) => `X-${index}: ${'v'.repeat(40)}`,
  );
  return wire(head([...lines, ...withLength(0)]), [431]);
};

const HOSTS = ['', 'Host: a\r\nHost: b\r\n', 'Host:\r\n', 'Host: \xff\r\n', 'Host: a b/c\r\n'];

/** HTTP/1.1 demands one; that it is sensible it does not matter to us. */
const hosts: WireGenerator = (random) =>
  wire(`GET /healthz HTTP/1.1\r\n${random.pick(HOSTS)}\r\n`, [200, 400]);

const EXPECTATIONS = ['200-ok', '100-continue, x', 'x=y', '', '100-CONTINUE', '"100-continue"'];

/** Nobody has to know an expectation other than the one that there is. */
const expectations: WireGenerator = (random) => {
  const lines = [`Expect: ${random.pick(EXPECTATIONS)}`, ...withLength(SMALL.length)];
  return wire(head(lines) + SMALL, [200, 400]);
};

const oldVersions: WireGenerator = (random) => {
  const version = random.pick([' HTTP/1.0', ' HTTP/0.9', '']);
  return wire(`GET /healthz${version}\r\n\r\n`, [200, 400]);
};

/** A tunnel is not to be had here: the connection is closed, with or without a word. */
const tunnels: WireGenerator = (random) => {
  const target = random.pick(['fuzz:443', '/healthz', 'http://fuzz/']);
  return { ...wire(`CONNECT ${target} HTTP/1.1\r\nHost: fuzz\r\n\r\n`, [400, 404, 405]), next: 'half-close' };
};

/** Several predictions in one piece, whose answers come in their order. */
const pipelined: WireGenerator = (random, material) => {
  const requests = Array.from({ length: 2 + random.below(4) }, () =>
    rightRequest(anyRight(random, material)),
  );
  const sent = Buffer.concat(requests.map(plainBytes));
  return { bytes: sent, next: { answers: requests.length }, statuses: [200], requests };
};

const PAGES = wordsOf('/metrics /models /models/digits /healthz /readyz /scaling /nothing');

/** Hundreds of requests in one piece, and the caller reads none of the answers. */
const floods: WireGenerator = (random) => {
  const pages = Array.from({ length: 20 + random.below(300) }, () => random.pick(PAGES));
  const text = pages.map((page) => `GET ${page} HTTP/1.1\r\nHost: fuzz\r\n\r\n`).join('');
  return { ...wire(text), isDeaf: true, next: { resetAfterMs: random.below(60) } };
};

/** The same with predictions, whose answers must not go to the next one on this address. */
const deaf: WireGenerator = (random, material) => {
  const requests = Array.from({ length: 1 + random.below(6) }, () =>
    rightRequest(anyRight(random, material)),
  );
  const sent = Buffer.concat(requests.map(plainBytes));
  return { ...wire(sent), isDeaf: true, next: { resetAfterMs: random.below(60) } };
};

/** A right request, byte after byte or nearly so. */
const trickles: WireGenerator = (random, material) => {
  const requests = [rightRequest(anyRight(random, material))];
  const sent = plainBytes(requests[0]!);
  return { bytes: sent, pieces: 2 + random.below(12), next: { answers: 1 }, statuses: [200], requests };
};

/** The same, in chunks, of which the last never comes. */
const endless: WireGenerator = (random) => {
  const chunks = Array.from({ length: 1 + random.below(10) }, () => '1\r\n \r\n').join('');
  const sent = Buffer.from(head(['Transfer-Encoding: chunked']) + chunks);
  const next = random.pick(['half-close', { resetAfterMs: random.below(20) }] as const);
  return { bytes: sent, pieces: 1 + random.below(8), next, statuses: [400] };
};

/** What is no HTTP comes while the answer to a prediction is being sent, event by event. */
const brokenStream: WireGenerator = (random) => {
  const body = JSON.stringify({ inputs: { iterations: [random.below(1200)] } });
  const lines = ['Accept: text/event-stream', ...withLength(body.length)];
  const requests = [{ ...jsonRequest('small-burn', body), statuses: [200] }];
  const sent = wire(head(lines, `POST ${requests[0]!.path} HTTP/1.1`) + body);
  return { ...sent, requests, afterwards: randomBytes(random, 1 + random.below(50)), next: 'half-close' };
};

/** The chunks break off after the refusal, while its connection lingers. */
const brokenRest: WireGenerator = (random) => {
  const sent = wire(head(['Transfer-Encoding: chunked'], 'POST /predict/nothing HTTP/1.1'), [404]);
  return { ...sent, afterwards: Buffer.from(random.pick(CHUNKS)), next: 'half-close' };
};

function plainBytes({ path, body }: FuzzRequest): Buffer {
  return Buffer.concat([Buffer.from(head(withLength(body.length), `POST ${path} HTTP/1.1`)), body]);
}

/** Cut anywhere, in the head or in the body; then the caller is gone, or says that there is no more. */
const cutOff: WireGenerator = (random, material) => {
  const sent = plainBytes(rightRequest(anyRight(random, material)));
  const cut = sent.subarray(0, 1 + random.below(sent.length));
  const next = random.pick(['half-close', { resetAfterMs: random.below(8) }] as const);
  return { bytes: cut, next, statuses: [200, 400] };
};

/** A right request in which some bytes are wrong, its head included. */
const damaged: WireGenerator = (random) => {
  const sent = Buffer.from(head(withLength(SMALL.length)) + SMALL);
  for (let change = random.below(3); change >= 0; change--)
    sent[random.below(sent.length)] = random.below(256);
  return { bytes: sent, next: 'half-close', statuses: [200, 400, 404, 405, 408, 413, 415, 431] };
};

const HEADS = { wrongStarts, targets, wrongLines, manyLines, hosts, expectations, oldVersions, tunnels };
const LENGTHS_AND_CODINGS = { wrongLengths, tooShortLength, transferCodings, chunks };
const WHOLES = { noise, otherProtocols, pipelined, brokenStream, brokenRest, cutOff, damaged };
const SLOW_AND_DEAF = { floods, deaf, trickles, endless };

export const WIRES: Readonly<Record<string, WireGenerator>> = {
  ...HEADS,
  ...LENGTHS_AND_CODINGS,
  ...WHOLES,
  ...SLOW_AND_DEAF,
};
