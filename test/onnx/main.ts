// `npm run test:onnx`: the ONNX project's own backend tests, answered by the real server, compared by their own rules.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT, startOneslot } from '../support/oneslot.js';
import { run } from '../support/programs/command.js';
import { installPython } from '../support/programs/packages.js';
import { type Checks, runChecks } from '../support/programs/run-checks.js';

/** The last release of onnx whose wheel carries the tests, and the ONNX Runtime that oneslot has. */
const PACKAGES = ['onnx==1.22.0', 'onnxruntime==1.30.0'];

/** Tests that ONNX Runtime 1.30 can load and whose types oneslot serves. A lower number is a regression. */
const PASSED_AT_LEAST = 1525;

const SCRIPT = join(PROJECT, 'test/onnx/backend_tests.py');

interface Outcome {
  readonly passed: number;
  /** Tests that oneslot fails and ONNX Runtime, asked directly, passes. */
  readonly wrong: readonly string[];
  /** Tests that ONNX Runtime itself fails. */
  readonly differs: number;
  /** Models that ONNX Runtime does not load. */
  readonly notLoaded: readonly string[];
}

await runChecks(main);

async function main({ report, cleanup }: Checks): Promise<void> {
  const python = join(await installPython('onnx', PACKAGES), 'python');
  const models = await mkdtemp(join(tmpdir(), 'oneslot-onnx-'));
  cleanup.add(() => rm(models, { recursive: true, force: true }));
  await run(python, [SCRIPT, 'lay-out', models]);
  await report.check('the ONNX backend tests get the answers that ONNX expects', async () => {
    await using oneslot = await startOneslot({ models, args: ['--require-models', 'any'] });
    const outcome = JSON.parse(await run(python, [SCRIPT, 'run', oneslot.url])) as Outcome;
    const { passed, wrong, differs, notLoaded } = outcome;
    if (wrong.length > 0) throw new Error(`${wrong.length} tests failed:\n${wrong.join('\n')}`);
    if (passed < PASSED_AT_LEAST) {
      const missing = `not loaded: ${notLoaded.join(', ')}`;
      throw new Error(`${passed} tests passed, expected at least ${PASSED_AT_LEAST}; ${missing}`);
    }
    return `${passed} passed, ${differs} failed by ONNX Runtime itself, ${notLoaded.length} models that it does not load or of other types`;
  });
}
