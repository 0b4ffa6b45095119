// JSON lines on stdout, or a readable form where stdout is a terminal. A log that can't be written stops nobody.

import { isatty } from 'node:tty';
import pino from 'pino';
import pretty from 'pino-pretty';
import sonicBoom from 'sonic-boom';

export type Logger = pino.Logger;

const STDOUT = 1;

/** Lines that wait for a disk or a pipe may take this much; what comes on top of it is dropped. */
const MAX_HELD_BYTES = 1024 * 1024;

/** How long the last lines may take. */
const FLUSH_MS = 1000;

export interface Log {
  readonly log: Logger;
  /** Writes a line as it is, whatever the level, between the log's own lines and never within one. */
  writeLine(line: string): void;
  /**
   * To be awaited before the process exits: gives true when the lines so far are written or lost, false when the system
   * has not taken them yet.
   */
  flush(): Promise<boolean>;
}

/**
 * Lines are written without blocking: while the system takes one write, the next ones gather, up to a bound. A full
 * disk, a closed pipe, one that nobody reads, a terminal that stands still: each loses lines, never predictions.
 */
export function createLog(level: string): Log {
  // What pino.destination() would make, without its hook that at exit tries for ever to write to a full disk.
  // With a minLength of 0 its flush() would wait for nothing.
  const options = { fd: STDOUT, sync: false, minLength: 1, maxLength: MAX_HELD_BYTES };
  const destination = new sonicBoom.SonicBoom(options);
  const log = isatty(STDOUT) ? terminalLog(level, destination) : pino(jsonOptions(level), destination);
  let dropped = 0;
  destination.on('error', () => {});
  destination.on('drop', () => dropped++);
  destination.on('drain', () => {
    const lines = dropped;
    dropped = 0;
    if (lines > 0) log.warn({ lines }, 'lines of this log are lost: they were not taken in time');
  });
  return {
    log,
    writeLine: (line) => void destination.write(`${line}\n`),
    flush() {
      const written = new Promise<boolean>((resolve) => destination.flush(() => resolve(true)));
      const givenUp = new Promise<boolean>((resolve) => setTimeout(resolve, FLUSH_MS, false).unref());
      return Promise.race([written, givenUp]);
    },
  };
}

function terminalLog(level: string, destination: pino.DestinationStream): Logger {
  const readable = pretty.prettyFactory({ translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  return pino({ level, base: null }, { write: (line: string) => destination.write(readable(line)) });
}

function jsonOptions(level: string): pino.LoggerOptions {
  return {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
}
