// What ONNX Runtime is told of a session: the server's options, and over them the model's own.

import type * as Ort from 'onnxruntime-node';
import type { ModelFiles, Provider } from '../model-repository/model.js';
import type { RunnerSettings } from './protocol.js';

export interface SessionSettings extends RunnerSettings {
  readonly provider: Provider;
}

export function sessionOptions(
  files: ModelFiles,
  { provider, deviceId, intraOpThreads }: SessionSettings,
): Ort.InferenceSession.SessionOptions {
  const { extra, ...own } = files.settings.sessionOptions;
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId } : provider],
    ...(intraOpThreads > 0 && { intraOpNumThreads: intraOpThreads }),
    ...own,
    extra: merged(SESSION_EXTRA, (extra ?? {}) as Extra),
  };
}

interface Extra {
  readonly [key: string]: string | Extra;
}

/** Threads that spin while idle would take the cores that the server and its callers need. */
const SESSION_EXTRA: Extra = { session: { intra_op: { allow_spinning: '0' } } };

/** What stands in both is the second one's. */
function merged(base: Extra, over: Extra): Extra {
  const both = Object.entries(over).map(([key, value]) => {
    const below = base[key];
    return [key, typeof below === 'object' && typeof value === 'object' ? merged(below, value) : value];
  });
  return { ...base, ...Object.fromEntries(both) };
}
