// What a predict request's headers say, parsed and bounded; standard headers where there are any.

import { ServiceError } from '../errors.js';

const MAX_PATIENCE_SECONDS = 7 * 24 * 3600;

/**
 * The caller's patience in ms from `Prefer: wait=SECONDS` (RFC 7240, 4.3); undefined where it states none.
 * @throws ServiceError `bad_request` when the value is no number of seconds.
 */
export function patienceOf(prefer: string | undefined): number | undefined {
  for (const preference of prefer?.split(',') ?? []) {
    const [token, value] = preference.split(';', 1)[0]!.split('=');
    if (token?.trim().toLowerCase() !== 'wait') continue;
    const text = value?.trim().replace(/^"(.*)"$/, '$1') ?? '';
    const seconds = Number(text);
    if (text === '' || !Number.isFinite(seconds) || seconds < 0 || seconds > MAX_PATIENCE_SECONDS) {
      const limit = `a number of seconds from 0 to ${MAX_PATIENCE_SECONDS}`;
      throw new ServiceError(
        'bad_request',
        `Prefer: wait takes ${limit}, got ${JSON.stringify(text.slice(0, 50))}`,
      );
    }
    return seconds * 1000;
  }
  return undefined;
}

const CODINGS = ['gzip', 'deflate', 'br'];

/**
 * The content coding of the body, or undefined where there is none.
 * @throws ServiceError `unsupported_media_type`.
 */
export function codingOf(contentEncoding: string | undefined): string | undefined {
  const coding = contentEncoding?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return undefined;
  if (CODINGS.includes(coding)) return coding;
  const got = JSON.stringify(coding.slice(0, 50));
  throw new ServiceError(
    'unsupported_media_type',
    `Content-Encoding may be ${CODINGS.join(', ')}, got ${got}`,
  );
}

/** Type and subtype in lower case, without parameters; empty where there is none. */
export function mediaTypeOf(contentType = ''): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** The caller's own id, if it can be echoed and logged as it is. */
export function requestIdOf(header: string | undefined): string | undefined {
  return header !== undefined && REQUEST_ID.test(header) ? header : undefined;
}
