// Which versions run here: oneslot's own, Node's and ONNX Runtime's.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { z } from 'zod';

export interface BuildInfo {
  readonly version: string;
  readonly node: string;
  readonly onnxruntime: string;
}

const PACKAGE = z.object({ version: z.string() });
/** From here and from dist/src/metrics alike, once compiled. */
const OWN_PACKAGE = new URL('../../../package.json', import.meta.url);

/**
 * Reads the installed packages' own files, so that an image with another ONNX Runtime than the locked one says so.
 * The runtime itself is not loaded: that is the runner's.
 */
export function buildInfo(): BuildInfo {
  return {
    version: versionIn(OWN_PACKAGE),
    node: process.versions.node,
    onnxruntime: versionIn(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
  };
}

function versionIn(path: string | URL): string {
  return PACKAGE.parse(JSON.parse(readFileSync(path, 'utf8'))).version;
}
