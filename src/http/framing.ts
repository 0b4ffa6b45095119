// HTTP's own rules for a request's head, where Node lets pass what two readers would read differently.

import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../errors.js';

/** Node passes over what comes beyond its own limit without a word, a Content-Type too; so it has none, and this is ours. */
export const MAX_HEADERS = 2000;

/** Those of which Node takes the first and drops the others, and that say what a request is or who sent it. */
const SINGLE = new Set(['host', 'content-type', 'authorization']);

/** What RFC 3986 lets stand in an authority. */
const HOST = /^[\w.~%!$&'()*+,;=:[\]-]*$/;

/** What is wrong with the head of a request; undefined where nothing is. */
export function headProblem(request: IncomingMessage): ServiceError | undefined {
  const { rawHeaders, headers, httpVersion } = request;
  const count = rawHeaders.length / 2;
  if (count > MAX_HEADERS) {
    const message = `the request has ${count} headers; at most ${MAX_HEADERS} are read`;
    return new ServiceError('headers_too_large', message);
  }
  if (headers.host === undefined && httpVersion === '1.1') return malformed('HTTP/1.1 demands a Host header');
  if (headers.host !== undefined && !HOST.test(headers.host)) return malformed('the Host header is no host');
  const twice = repeated(rawHeaders);
  if (twice !== undefined) return malformed(`the header ${twice} is there twice`);
  return codingProblem(request);
}

/** RFC 9112, 6.1. That chunked is the last coding, and no Content-Length is beside it, Node sees to. */
function codingProblem({ headers, httpVersion }: IncomingMessage): ServiceError | undefined {
  const coding = headers['transfer-encoding']?.trim().toLowerCase();
  if (coding === undefined) return undefined;
  if (httpVersion !== '1.1') return malformed(`HTTP/${httpVersion} has no Transfer-Encoding`);
  if (coding === 'chunked') return undefined;
  const got = JSON.stringify(coding.slice(0, 100));
  const message = `Transfer-Encoding may be chunked, got ${got}; a compressed body has a Content-Encoding`;
  return new ServiceError('unsupported_transfer_coding', message);
}

function repeated(rawHeaders: readonly string[]): string | undefined {
  let seen: string[] | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (!isSingleLength(name.length) || !SINGLE.has(name.toLowerCase())) continue;
    const lower = name.toLowerCase();
    if (seen?.includes(lower)) return name;
    seen ??= [];
    seen.push(lower);
  }
  return undefined;
}

/** Spares most names a copy in lower case. */
const LENGTHS = new Set([...SINGLE].map(({ length }) => length));
const isSingleLength = (length: number): boolean => LENGTHS.has(length);

const malformed = (message: string): ServiceError => new ServiceError('bad_request', message);
