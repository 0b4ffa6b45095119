// The metrics page, made once for all who ask for it meanwhile, and compressed once for those who take it so. It is sent as
// the pieces of which it was made: in one piece, the five megabytes of a thousand models would hold up everybody else.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Metrics } from '../metrics/metrics.js';

/** Most of what there is to win, for a third of the time. */
const LEVEL = constants.Z_BEST_SPEED;

interface Page {
  readonly plain: Promise<readonly Buffer[]>;
  /** Made when the first caller asks for it. */
  gzip?: Promise<readonly Buffer[]>;
}

export function metricsPage(metrics: Pick<Metrics, 'render' | 'contentType'>): RequestHandler {
  let present: Page | undefined;

  /** The page that is being made, or a new one. */
  function page(): Page {
    if (present !== undefined) return present;
    const made: Page = { plain: metrics.render() };
    present = made;
    const over = (): void => {
      if (present === made) present = undefined;
    };
    made.plain.then(over, over);
    return made;
  }

  return async function metricsPage(request, response) {
    const wanted = page();
    response.vary('Accept-Encoding').type(metrics.contentType);
    // Of what is offered the one that Prometheus asks for.
    const isCompressed = request.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (isCompressed) wanted.gzip ??= wanted.plain.then(compressed);
    const pieces = await (isCompressed ? wanted.gzip! : wanted.plain);
    if (isCompressed) response.set('Content-Encoding', 'gzip');
    response.set('Content-Length', String(pieces.reduce((sum, { length }) => sum + length, 0)));
    // A caller who leaves meanwhile needs no answer.
    await pipeline(Readable.from(pieces), response).catch(() => response.destroy());
  };
}

async function compressed(pieces: readonly Buffer[]): Promise<readonly Buffer[]> {
  const made: Buffer[] = [];
  await pipeline(
    Readable.from(pieces),
    createGzip({ level: LEVEL }),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) made.push(chunk);
    },
  );
  return made;
}
