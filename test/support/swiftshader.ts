// A software Vulkan device, so that the webgpu provider runs on machines without a GPU: SwiftShader, as
// @sparticuz/chromium carries it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const ARCHIVE = 'bin/swiftshader.tar.br';

/** Unpacks it into a folder and gives the variables that make a process use it, and no other device. */
export async function unpackSwiftShader(folder: string): Promise<NodeJS.ProcessEnv> {
  mkdirSync(folder, { recursive: true });
  const tar = brotliDecompressSync(readFileSync(join(packageFolder(), ARCHIVE)));
  execFileSync('tar', ['-xf', '-', '-C', folder], { input: tar });
  const icd = readdirSync(folder).find((name) => name.endsWith('icd.json'));
  if (icd === undefined) throw new Error(`no ICD in ${ARCHIVE}: ${readdirSync(folder).join(', ')}`);
  return { LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: join(folder, icd), VK_DRIVER_FILES: join(folder, icd) };
}

/** The package exports only its entry, so its folder is found from there. */
function packageFolder(): string {
  let folder = dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium'));
  while (!readdirSync(folder).includes('package.json') || !readdirSync(folder).includes('bin')) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('@sparticuz/chromium has no bin folder');
    folder = parent;
  }
  return folder;
}
