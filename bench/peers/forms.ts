// The forms of request of servers that were written for this measurement: same bodies, a path for each kind of work.

import type { RequestForm } from '../load/plan.js';
import type { Forms } from './peer.js';

const JSON_TYPE = { 'content-type': 'application/json' } as const;
const RAW_TYPE = { 'content-type': 'application/octet-stream' } as const;

export function post(
  path: string,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): RequestForm {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    method: 'POST',
    path,
    headers: { ...JSON_TYPE, ...headers },
    body: new TextEncoder().encode(text),
  };
}

export function postRaw(path: string, body: Uint8Array): RequestForm {
  return { method: 'POST', path, headers: RAW_TYPE, body };
}

export const burnBody = (iterations: number, seed: number): object => ({
  inputs: { iterations: [iterations], seed: [seed] },
});

/** @param prefix of every path, e.g. `/async` */
export function formsUnder(prefix: string): Forms {
  return {
    wait: (seconds) => post(`${prefix}/wait`, { seconds }),
    burn: (iterations, seed = 1, headers) => post(`${prefix}/burn`, burnBody(iterations, seed), headers),
    digits: (body) => post(`${prefix}/predict`, body),
    weigh: (input) => postRaw(`${prefix}/weigh`, input),
  };
}
