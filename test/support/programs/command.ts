// Other programs, run quietly: what they print is shown only when they fail.

import { type ChildProcess, spawn } from 'node:child_process';

/** How much of a failed program's output is worth reading. */
const SHOWN_LINES = 60;

const children = new Set<ChildProcess>();

/** Makes `endAll` end it too. */
export function track(child: ChildProcess): void {
  children.add(child);
  child.on('close', () => children.delete(child));
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  /** Both streams in the order in which they came. */
  readonly output: string;
}

/** Resolves however the program ends; rejects only when it can't be started. */
export function finish(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    track(child);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, output }));
  });
}

/**
 * Resolves with what the program printed on its standard output, trimmed.
 * @throws Error with the last lines of its output, when it ends with anything but 0
 */
export async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { code, stdout, output } = await finish(command, args, env);
  if (code === 0) return stdout.trim();
  const shown = output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${shown}`);
}

/** Ends what is running, so that whoever waits for it fails and cleans up. */
export function endAll(): void {
  for (const child of children) child.kill('SIGTERM');
}
