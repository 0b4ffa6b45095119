// What KEDA's own code asks for while a trigger has no answer: before the first metric, while the only replica loads its
// models again, and while Prometheus is away.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { run } from '../../support/programs/command.js';
import { BUILD } from '../../support/programs/packages.js';
import type { Context } from '../part.js';
import { fieldsAt, type KubernetesObject, listAt } from './objects.js';
import { KEDA } from './schemas.js';

/** One at a cold start, and as many as a burst may have brought. */
const REPLICAS = [1, 3, 8];

export async function checkFallback(
  { report, project }: Context,
  scaledObjects: readonly KubernetesObject[],
): Promise<void> {
  const program = join(BUILD, 'go', `keda-${KEDA}`);
  await report.check(`KEDA ${KEDA}'s own fallback is compiled`, async () => {
    const source = join(project, 'test/deploy/kubernetes/keda');
    await run('go', ['build', '-C', source, '-trimpath', '-ldflags', '-s -w', '-o', program, '.']);
  });
  await report.check('a trigger without an answer starts no replica, and takes none away', async () => {
    for (const object of scaledObjects)
      for (const replicas of REPLICAS)
        for (const asked of await askedFor(program, object, replicas)) assert.equal(asked, replicas);
  });
  await report.check(
    'and KEDA does what `behavior` says: a number of our own would be asked for',
    async () => {
      const fallback = { failureThreshold: 3, replicas: 2, behavior: 'currentReplicasIfHigher' };
      const [object] = scaledObjects;
      const other = { ...object!, spec: { ...fieldsAt(object!, 'spec'), fallback } };
      assert.ok((await askedFor(program, other, 1)).every((asked) => asked === 2));
    },
  );
}

/** Of each trigger, when it has failed often enough; as many replicas as now. */
async function askedFor(
  program: string,
  scaledObject: KubernetesObject,
  replicas: number,
): Promise<readonly number[]> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ scaledObject, replicas }));
  const answers = JSON.parse(await text(child.stdout)) as readonly number[];
  assert.equal(answers.length, listAt(scaledObject, 'spec.triggers').length);
  return answers.map((answer) => Number(answer.toFixed(2)));
}
