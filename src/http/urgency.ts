// How urgent a prediction may be. Browsers send `Priority` by themselves, so it is not always their user's word.

import type { IncomingHttpHeaders } from 'node:http';
import { parseDictionary } from 'structured-headers';
import { URGENCIES } from '../queue/line.js';

/**
 * Whose urgency counts. `trust`: everybody's; `keys`: that of API keys which allow it, and where there are no keys that of
 * callers which are no browsers; `ignore`: nobody's.
 */
export type UrgencyMode = 'trust' | 'keys' | 'ignore';

export const DEFAULT_URGENCY = 3;

/** What one caller may ask for. */
export interface UrgencyRight {
  /** The most urgent level; whoever asks for more gets this one. */
  readonly most: number;
  /** Whether what the header says is the caller's own word. */
  readonly isHeaderMeant: boolean;
  readonly isBodyMeant: boolean;
}

const NOBODY: UrgencyRight = { most: DEFAULT_URGENCY, isHeaderMeant: false, isBodyMeant: false };
const EVERYBODY: UrgencyRight = { most: 0, isHeaderMeant: true, isBodyMeant: true };

interface Caller {
  readonly headers: IncomingHttpHeaders;
  /** Where API keys are needed: whose it is, and how urgent it may be. */
  readonly client: { readonly urgency?: number | undefined } | undefined;
}

export function urgencyRightOf({ headers, client }: Caller, mode: UrgencyMode): UrgencyRight {
  if (mode === 'trust') return EVERYBODY;
  if (mode === 'ignore') return NOBODY;
  if (client?.urgency !== undefined) return { ...EVERYBODY, most: client.urgency };
  const isHeaderMeant = !isBrowser(headers);
  const most = client === undefined && isHeaderMeant ? 0 : DEFAULT_URGENCY;
  return { most, isHeaderMeant, isBodyMeant: true };
}

/** Urgency from `Priority: u=0…7` (RFC 9218); whatever is malformed is ignored, as the RFC demands. */
export function headerUrgency(priority: string | undefined, { most, isHeaderMeant }: UrgencyRight): number {
  const asked = priority === undefined || !isHeaderMeant ? undefined : urgencyOf(priority);
  return Math.max(asked ?? DEFAULT_URGENCY, most);
}

function urgencyOf(priority: string): number | undefined {
  try {
    const [urgency] = parseDictionary(priority).get('u') ?? [];
    return isUrgency(urgency) ? urgency : undefined;
  } catch {
    return undefined;
  }
}

/** Urgency that the body asks for; undefined where it asks for none, or nobody's counts. */
export function bodyUrgency(asked: unknown, { most, isBodyMeant }: UrgencyRight): number | undefined {
  return isBodyMeant && isUrgency(asked) ? Math.max(asked, most) : undefined;
}

function isUrgency(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < URGENCIES;
}

/** Node's own fetch says what no page can make a browser leave out. */
const NODE_FETCH = /^(?:node|undici)$/;

/** Browsers send `Origin` with each POST, and fetch metadata to whom they trust. */
function isBrowser(headers: IncomingHttpHeaders): boolean {
  if (headers.origin !== undefined) return true;
  const isNode = NODE_FETCH.test(headers['user-agent'] ?? '');
  for (const name in headers)
    if (name.startsWith('sec-fetch-') && !(isNode && name === 'sec-fetch-mode')) return true;
  return false;
}
