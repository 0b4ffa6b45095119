// The answer as server-sent events: queued (again whenever the place changes), running, then result or error.

import type { Response } from 'express';
import type { Prediction } from '../prediction.js';
import type { Positions } from '../queue/positions.js';

/** Proxies cut a connection that is silent for a minute. */
const HEARTBEAT_MS = 15_000;

export class EventStream {
  readonly #response: Response;
  readonly #heartbeat: NodeJS.Timeout;
  #stopWatching: () => void = () => {};

  /** Sends the headers: from here on, errors are events too. */
  constructor(response: Response) {
    this.#response = response;
    response.status(200).set({
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      // nginx would gather events into a buffer.
      'X-Accel-Buffering': 'no',
    });
    response.flushHeaders();
    this.#heartbeat = setInterval(() => response.write(': heartbeat\n\n'), HEARTBEAT_MS);
  }

  /** Reports a prediction that has just entered the line. */
  follow(prediction: Prediction, positions: Positions, expectedMs: () => number | undefined): void {
    let last: number | undefined;
    this.#stopWatching = positions.watch(prediction, (place) => {
      if (place.position === last) return;
      last = place.position;
      this.#send('queued', place);
    });
    prediction.onStarted(() => {
      this.#stopWatching();
      const ms = expectedMs();
      this.#send('running', ms === undefined ? {} : { expectedMs: Math.round(ms) });
    });
  }

  /** The last event. `json` is one line already. */
  end(event: 'result' | 'error', json: string): void {
    this.close();
    this.#response.end(`event: ${event}\ndata: ${json}\n\n`);
  }

  /** The last event, its data written by whoever calls: nothing else may come in between. */
  beginResult(): void {
    this.close();
    this.#response.write('event: result\ndata: ');
  }

  endResult(): void {
    this.#response.end('\n\n');
  }

  /** Stops all timers; harmless when called again. */
  close(): void {
    clearInterval(this.#heartbeat);
    this.#stopWatching();
  }

  #send(event: string, data: unknown): void {
    // Who does not read is told no news: they would be gathered here.
    if (this.#response.writableNeedDrain) return;
    this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
