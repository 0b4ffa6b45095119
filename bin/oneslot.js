#!/usr/bin/env node
// The command `oneslot`, for `npx oneslot` in a clone and for `npm link`. It lies here and not in dist/, where each
// build would make it anew, without the leave to be executed.

import { existsSync } from 'node:fs';

const main = new URL('../dist/src/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  process.stderr.write('oneslot: not built yet; run: npm ci && npm run build\n');
  process.exitCode = 1;
}
