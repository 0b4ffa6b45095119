// API keys: who may ask for predictions. The file holds only hashes, so it is no secret that opens anything.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { checkJson, strictKeys, wholeNumber } from '../json/json-check.js';
import { parseJson, readTextFile } from '../json/json-file.js';

/** One client, as the keys file has it. */
export interface KeyEntry {
  /** For the log and for refusals; not secret. */
  readonly name: string;
  /** SHA-256 of the key, in hexadecimal digits. */
  readonly sha256: string;
  /** How many predictions of this client may wait at once; more are refused with `quota_exceeded`. */
  readonly maxWaiting?: number;
  /** The most urgent level that this client may ask for, from 0; left out, nothing more urgent than others. */
  readonly urgency?: number;
}

/** Who sent a request. */
export type Client = Pick<KeyEntry, 'name' | 'maxWaiting' | 'urgency'>;

const KEY_BYTES = 32;

/** RFC 9218's levels. */
const LEAST_URGENT = 7;

const NAME = z.string().regex(/^[A-Za-z0-9._@-]{1,64}$/, {
  error: '1 to 64 letters, digits, ".", "_", "@" or "-"',
});

// What stands here instead of a hash may be a key, so no message shows it.
const SHA256 = z.string().superRefine((text, { addIssue }) => {
  if (/^[\da-f]{64}$/i.test(text)) return;
  const message = `expected the 64 hexadecimal digits of the key's SHA-256, got ${text.length} characters`;
  addIssue({ code: 'custom', message });
});

export const ENTRY = strictKeys(
  {
    name: NAME,
    sha256: SHA256,
    maxWaiting: wholeNumber().min(1).exactOptional(),
    urgency: wholeNumber().min(0).max(LEAST_URGENT).exactOptional(),
  },
  { key: 'put the key\'s SHA-256 as "sha256"; the key itself stays with its client' },
);

const KEYS_FILE = strictKeys({ keys: z.array(ENTRY).min(1).superRefine(refuseDuplicates) });

function refuseDuplicates(entries: readonly KeyEntry[], { addIssue }: z.RefinementCtx): void {
  for (const key of ['name', 'sha256'] as const) {
    const seen = new Map<string, number>();
    for (const [index, entry] of entries.entries()) {
      const value = entry[key].toLowerCase();
      const first = seen.get(value);
      if (first === undefined) seen.set(value, index);
      else addIssue({ code: 'custom', path: [index, key], message: `is the same as that of keys[${first}]` });
    }
  }
}

interface KnownKey {
  readonly client: Client;
  readonly digest: Buffer;
}

export class ApiKeys {
  readonly #known: readonly KnownKey[];

  private constructor(entries: readonly KeyEntry[]) {
    this.#known = entries.map(({ sha256, ...client }) => ({ client, digest: Buffer.from(sha256, 'hex') }));
  }

  /** Rejects with an Error that names the file and the entry that is wrong in it; it shows no value of the file. */
  static async fromFile(file: string): Promise<ApiKeys> {
    const text = await readTextFile(file);
    if (text === undefined) throw new Error(`the keys file ${file} does not exist`);
    return new ApiKeys(checkJson(KEYS_FILE, parseJson(text, file), { file, showValues: false }).keys);
  }

  /** Whose key a request carries, as `Authorization: Bearer KEY` or `X-API-Key: KEY`; undefined for none or a wrong one. */
  authenticate(headers: IncomingHttpHeaders): Client | undefined {
    const key = keyOf(headers);
    return key === undefined ? undefined : this.#clientOf(digestOf(key));
  }

  /** Compares with every entry in constant time, whether one was found or not: the time taken tells nothing. */
  #clientOf(digest: Buffer): Client | undefined {
    let client: Client | undefined;
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) client = known.client;
    }
    return client;
  }
}

const BEARER = /^bearer +(\S+) *$/i;

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1];
  const key = bearer ?? headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/**
 * Plain SHA-256 is right for these keys: with 256 random bits nothing is gained by guessing, which is all that a slow,
 * salted password hash would hinder, at a cost in time for every request.
 */
function digestOf(key: string): Buffer {
  // Node reads headers as latin1: this hashes the very bytes that were sent.
  return createHash('sha256').update(key, 'latin1').digest();
}

/**
 * A new random key, to be shown once, and the entry that lets it in.
 *
 * @throws Error when the name is none that the keys file takes.
 */
export function newKey(name: string): { readonly key: string; readonly entry: KeyEntry } {
  checkJson(NAME, name, { file: 'name' });
  const key = randomBytes(KEY_BYTES).toString('base64url');
  return { key, entry: { name, sha256: digestOf(key).toString('hex') } };
}
