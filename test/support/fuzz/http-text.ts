// Reads HTTP/1.1 answers out of what a socket has heard.

import type { FuzzAnswer } from './case.js';

export interface Heard {
  readonly answers: readonly FuzzAnswer[];
  /** What is behind the last whole answer. */
  readonly rest: string;
}

/** @param text in Latin-1, a character a byte; no answer to HEAD may be in it, as that looks cut off. */
export function answersIn(text: string): Heard {
  const answers: FuzzAnswer[] = [];
  let rest = text;
  for (let next = firstAnswer(rest); next !== undefined; next = firstAnswer(rest)) {
    rest = rest.slice(next.length);
    // An interim answer is no answer.
    if (next.answer.status >= 200) answers.push(next.answer);
  }
  return { answers, rest };
}

interface FirstAnswer {
  readonly answer: FuzzAnswer;
  readonly length: number;
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [^\r\n]*$/;

/** Undefined where there is no whole one. */
function firstAnswer(text: string): FirstAnswer | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  const [statusLine, ...lines] = text.slice(0, Math.max(0, headEnd)).split('\r\n');
  const [, status] = STATUS_LINE.exec(statusLine!) ?? [];
  if (status === undefined) return undefined;
  const headers = Object.fromEntries(lines.map(headerOf));
  const body = bodyOf(text.slice(headEnd + 4), headers);
  if (body === undefined) return undefined;
  const answer = { status: Number(status), headers, body: Buffer.from(body.content, 'latin1') };
  return { answer, length: headEnd + 4 + body.length };
}

function headerOf(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

interface Body {
  readonly content: string;
  /** As sent. */
  readonly length: number;
}

function bodyOf(text: string, headers: Readonly<Record<string, string>>): Body | undefined {
  if (headers['transfer-encoding'] === 'chunked') return chunkedBody(text);
  const length = Number(headers['content-length'] ?? 0);
  return text.length < length ? undefined : { content: text.slice(0, length), length };
}

function chunkedBody(text: string): Body | undefined {
  let content = '';
  for (let at = 0; ; ) {
    const [line, size] = /^([\da-f]+)\r\n/i.exec(text.slice(at, at + 20)) ?? [];
    if (line === undefined) return undefined;
    const start = at + line.length;
    const end = start + Number.parseInt(size!, 16);
    if (text.length < end + 2) return undefined;
    content += text.slice(start, end);
    at = end + 2;
    if (end === start) return { content, length: at };
  }
}
