// ONNX Runtime's own record of which execution provider ran each node.

import { access, constants, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Ort from 'onnxruntime-node';

/** With a read-only root file system, /dev/shm is often all that can be written. */
const CANDIDATES = [tmpdir(), '/dev/shm'];

/** A profile of the runs between the session's creation and `endProfiling()`, in a folder that goes with it. */
export class Profile implements AsyncDisposable {
  private constructor(readonly folder: string | undefined) {}

  static async create(): Promise<Profile> {
    for (const parent of CANDIDATES) {
      try {
        await access(parent, constants.W_OK);
        return new Profile(await mkdtemp(join(parent, 'oneslot-profile-')));
      } catch {
        // The next candidate.
      }
    }
    return new Profile(undefined);
  }

  /** Whether there was a place to write to. */
  get writable(): boolean {
    return this.folder !== undefined;
  }

  get sessionOptions(): Ort.InferenceSession.SessionOptions {
    if (this.folder === undefined) return {};
    return { enableProfiling: true, profileFilePrefix: join(this.folder, 'profile') };
  }

  /** What the runs have done; nothing where there was no place to write to. */
  async read(): Promise<ProfiledWork> {
    const files = this.folder === undefined ? [] : await readdir(this.folder);
    const file = files.find((name) => name.startsWith(`profile${SECOND}`)) ?? files[0];
    if (file === undefined) return { nodes: {}, executions: {} };
    return workOf(await readFile(join(this.folder!, file), 'utf8'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
  }
}

const SECOND = '-second';

/** The same options for a session that takes the place of one whose profile may still be written. */
export function forSecondSession(
  options: Ort.InferenceSession.SessionOptions,
): Ort.InferenceSession.SessionOptions {
  const { profileFilePrefix: prefix } = options;
  return prefix === undefined ? options : { ...options, profileFilePrefix: `${prefix}${SECOND}` };
}

/** Per execution provider, as ONNX Runtime names it. */
export interface ProfiledWork {
  /** Distinct nodes that it ran. */
  readonly nodes: Readonly<Record<string, number>>;
  /** How often it ran one: a node of a loop's body counts once for each turn. */
  readonly executions: Readonly<Record<string, number>>;
}

/**
 * A node that ran, as one line. ONNX Runtime writes names into it as they are, so that one with a quotation mark makes it
 * no JSON.
 */
const NODE =
  /^\{"cat" ?: ?"Node",.*?"name" ?: ?"(?<name>.*?)", ?"args" ?: ?\{.*"provider" ?: ?"(?<provider>\w+)"/;

function workOf(profile: string): ProfiledWork {
  const nodes: Record<string, number> = {};
  const executions: Record<string, number> = {};
  const seen = new Set<string>();
  for (const line of profile.split('\n')) {
    const { name, provider } = NODE.exec(line)?.groups ?? {};
    if (name === undefined || provider === undefined) continue;
    executions[provider] = (executions[provider] ?? 0) + 1;
    if (!seen.has(name)) nodes[provider] = (nodes[provider] ?? 0) + 1;
    seen.add(name);
  }
  return { nodes, executions };
}
