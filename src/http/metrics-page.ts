// The metrics page, made once for all who ask for it meanwhile, and compressed once for those who take it so.

import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Metrics } from '../metrics/metrics.js';

const compressed = promisify(gzip);

/** Most of what there is to win, for a third of the time. */
const LEVEL = constants.Z_BEST_SPEED;

interface Page {
  readonly plain: Promise<Buffer>;
  /** Made when the first caller asks for it. */
  gzip?: Promise<Buffer>;
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
    if (request.acceptsEncodings('gzip', 'identity') !== 'gzip') {
      response.send(await wanted.plain);
      return;
    }
    wanted.gzip ??= wanted.plain.then((plain) => compressed(plain, { level: LEVEL }));
    response.set('Content-Encoding', 'gzip').send(await wanted.gzip);
  };
}
