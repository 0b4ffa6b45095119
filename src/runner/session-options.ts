// What ONNX Runtime is told of a session: the server's options, and over them the model's own.

import type * as Ort from 'onnxruntime-node';
import type { ModelFiles, Provider } from '../model-repository/model.js';
import type { RunnerSettings } from './protocol.js';
import { SHARES_THREADS } from './shared-threads.js';

export interface SessionSettings extends RunnerSettings {
  readonly provider: Provider;
  /** Whether there is a pool of threads for all sessions. */
  readonly sharesThreads: boolean;
}

export function sessionOptions(
  files: ModelFiles,
  { provider, deviceId, intraOpThreads, sharesThreads }: SessionSettings,
): Ort.InferenceSession.SessionOptions {
  const { extra, ...own } = files.settings.sessionOptions;
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId } : provider],
    ...(intraOpThreads > 0 && { intraOpNumThreads: intraOpThreads }),
    ...own,
    extra: merged(
      sharesThreads && !choosesThreads(own) ? merged(SESSION_EXTRA, SHARES_THREADS) : SESSION_EXTRA,
      (extra ?? {}) as SessionExtra,
    ),
  };
}

/** Such a session has a pool of its own: the shared one has no number of threads for each model. */
const choosesThreads = (own: Ort.InferenceSession.SessionOptions): boolean =>
  own.intraOpNumThreads !== undefined ||
  own.interOpNumThreads !== undefined ||
  own.executionMode === 'parallel';

export interface SessionExtra {
  readonly [key: string]: string | SessionExtra;
}

/** Threads that spin while idle would take the cores that the server and its callers need. */
const SESSION_EXTRA: SessionExtra = { session: { intra_op: { allow_spinning: '0' } } };

/** What stands in both is the second one's. */
export function merged(base: SessionExtra, over: SessionExtra): SessionExtra {
  const both = Object.entries(over).map(([key, value]) => {
    const below = base[key];
    return [key, typeof below === 'object' && typeof value === 'object' ? merged(below, value) : value];
  });
  return { ...base, ...Object.fromEntries(both) };
}
