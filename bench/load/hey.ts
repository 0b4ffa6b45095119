// Many requests at once by hey, as a reader would try it by hand.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../experiment.js';
import { temporaryFolder } from '../models.js';
import type { RequestForm } from './plan.js';

export interface HeyAnswer {
  readonly status: number;
  /** From sending to the end of the answer. */
  readonly ms: number;
}

export interface HeyOptions {
  readonly url: string;
  readonly form: RequestForm;
  /** All of them at once. */
  readonly requests: number;
  /** Each request is given up after this. */
  readonly timeoutSeconds: number;
}

/** Those that were answered; the rest got nothing within the time. */
export async function byHey({ processes }: Bench, options: HeyOptions): Promise<readonly HeyAnswer[]> {
  const { url, form, requests, timeoutSeconds } = options;
  const file = join(await temporaryFolder(processes), 'body');
  await writeFile(file, form.body ?? '');
  const headers = Object.entries(form.headers)
    .filter(([name]) => name !== 'content-type')
    .flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-n', requests, '-c', requests, '-t', timeoutSeconds, '-o', 'csv', '-m', form.method].map(
    String,
  );
  const type = form.headers['content-type'] ?? 'text/plain';
  const child = processes.spawn('hey', [...args, '-T', type, '-D', file, ...headers, url + form.path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`hey ended with ${code}`);
  return answersIn(text);
}

/** Of hey's CSV: a line for each answer; requests without one have none. */
export function answersIn(csv: string): readonly HeyAnswer[] {
  const [head = '', ...lines] = csv.trim().split('\n');
  const names = head.split(',');
  const [time, status] = [names.indexOf('response-time'), names.indexOf('status-code')];
  return lines
    .map((line) => line.split(','))
    .filter((cells) => cells.length === names.length)
    .map((cells) => ({ status: Number(cells[status]), ms: Number(cells[time]) * 1000 }));
}
