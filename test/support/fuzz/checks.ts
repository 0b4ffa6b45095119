// What every answer must be, whatever was asked; and what the answer to a good prediction must be beside.

import { ERRORS, type ErrorCode } from '../../../src/errors.js';
import { ELEMENT_BYTES, elementCount, type NumericType } from '../../../src/tensor.js';
import type { FuzzAnswer, FuzzRequest, Outputs } from './case.js';

/** What of a request its answer depends on. */
export type Asked = Pick<FuzzRequest, 'method' | 'path' | 'statuses' | 'hasDeadline' | 'problemOf'>;

/** Throws an Error that says what is wrong with the answer. */
export function checkAnswer(asked: Asked, answer: FuzzAnswer): void {
  const { status, body } = answer;
  const text = body.toString('utf8');
  if (/\bat .+:\d+:\d+|node_modules|node:internal/.test(text)) throw new Error(`a stack trace: ${text}`);
  if (status >= 400) checkStatus(asked, checkProblem(asked, answer));
  else if (status !== 200) throw new Error(`status ${status}`);
  else if (!asked.statuses.includes(200))
    throw new Error(`200, expected ${asked.statuses}: ${text.slice(0, 300)}`);
  else if (asked.problemOf !== undefined || isPrediction(answer)) checkPrediction(asked, answer);
}

const isPrediction = ({ headers }: FuzzAnswer): boolean =>
  headers['server-timing'] !== undefined || isStream(headers['content-type']);

const isStream = (type: unknown): boolean => /^text\/event-stream(;|$)/.test(String(type));

const REFUSALS: readonly ErrorCode[] = ['queue_full', 'queue_bytes_full', 'uploads_full'];
const LATE: readonly ErrorCode[] = ['deadline_unattainable', 'expired_in_queue', 'deadline_exceeded'];

/** The code of a well-formed error. */
function checkProblem({ method }: Asked, { status, headers, body }: FuzzAnswer): ErrorCode {
  const type = headers['content-type'];
  if (type !== 'application/problem+json') throw new Error(`${status} as ${type}: ${body}`);
  // What HEAD would have got is known by its status alone.
  if (method === 'HEAD') return codeOf(status);
  const problem = JSON.parse(body.toString('utf8')) as Outputs;
  checkFields(problem);
  if (status !== problem.status) throw new Error(`${status} says that it is ${problem.status}`);
  // What is no HTTP has no id either.
  const requestId = headers['x-request-id'] ?? '';
  if (problem.requestId !== requestId)
    throw new Error(`the id ${problem.requestId}, in the header ${requestId}`);
  // Where no wait would help, no time to come back is named.
  if (status === 503 && problem.retryable !== isRetryAfter(headers))
    throw new Error(`503, retryable: ${problem.retryable}, with the headers ${JSON.stringify(headers)}`);
  return problem.code as ErrorCode;
}

function checkFields(problem: Outputs): void {
  const { code, status, detail, title, requestId, error } = problem;
  const kind = Object.hasOwn(ERRORS, String(code)) ? ERRORS[code as ErrorCode] : undefined;
  const texts = [detail, title, error, requestId];
  if (kind?.status === status && error === detail && texts.every((text) => typeof text === 'string')) return;
  throw new Error(`not a problem of the table: ${JSON.stringify(problem)}`);
}

const isRetryAfter = (headers: FuzzAnswer['headers']): boolean =>
  /^\d+$/.test(String(headers['retry-after'])) && /^\d+$/.test(String(headers['retry-after-ms']));

const codeOf = (status: number): ErrorCode =>
  (Object.keys(ERRORS) as ErrorCode[]).find((code) => ERRORS[code].status === status)!;

function checkStatus({ statuses, hasDeadline = false }: Asked, code: ErrorCode): void {
  const { status } = ERRORS[code];
  const isExpected =
    statuses.includes(status) || REFUSALS.includes(code) || (hasDeadline && LATE.includes(code));
  if (!isExpected) throw new Error(`${status} ${code}, expected ${statuses}`);
}

function checkPrediction(asked: Asked, answer: FuzzAnswer): void {
  const type = String(answer.headers['content-type']);
  if (type === 'application/octet-stream') checkRaw(asked, answer);
  else if (isStream(type)) checkEvents(asked, answer.body.toString('utf8'));
  else checkJson(asked, answer.body.toString('utf8'));
}

function checkRaw({ problemOf }: Asked, { headers, body }: FuzzAnswer): void {
  const shape = String(headers['tensor-shape']);
  const dims = shape === '' ? [] : shape.split(',').map(Number);
  const size = elementCount(dims) * ELEMENT_BYTES[headers['tensor-type'] as NumericType];
  if (size !== body.length) throw new Error(`${body.length} bytes of the shape ${shape}`);
  report(problemOf?.({}, body));
}

const EVENT = /^event: (queued|running|result|error)\ndata: ([^\r\n]+)$/;

/** Places in the line, the beginning, then the one end. */
function checkEvents(asked: Asked, text: string): void {
  const blocks = text.split('\n\n').filter((block) => !block.startsWith(':'));
  if (blocks.pop() !== '') throw new Error(`a stream that does not end: ${text}`);
  const events = blocks.map((block) => EVENT.exec(block) ?? []);
  const order = events.map(([, name]) => name).join(' ');
  if (!/^(queued )*(running )?(result|error)$/.test(order)) throw new Error(`events in the order ${order}`);
  const [, name, data] = events.at(-1)!;
  if (name === 'result') checkJson(asked, data!);
  else checkErrorEvent(asked, JSON.parse(data!) as Outputs);
}

function checkErrorEvent(asked: Asked, problem: Outputs): void {
  checkFields(problem);
  checkStatus(asked, problem.code as ErrorCode);
}

function checkJson({ path, problemOf }: Asked, text: string): void {
  const { model, version, outputs } = JSON.parse(text) as Outputs;
  const isWhole = version === '1' && typeof outputs === 'object' && path.includes(String(model));
  if (!isWhole) throw new Error(`not an answer to ${path}: ${text.slice(0, 300)}`);
  report(problemOf?.(outputs as Outputs, Buffer.alloc(0)));
}

function report(problem: string | undefined): void {
  if (problem !== undefined) throw new Error(problem);
}
