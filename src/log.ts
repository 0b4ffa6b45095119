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
  /** Resolves when the lines so far are written, or can't be; to be awaited before the process exits. */
  flush(): Promise<void>;
}

/**
 * Lines are written without blocking: while the system takes one write, the next ones gather. A full disk or a closed
 * pipe loses lines, never predictions.
 */
export function createLog(level: string): Log {
  if (isatty(STDOUT)) return terminalLog(level);
  // What pino.destination() would make, without its hook that at exit tries for ever to write to a full disk.
  const destination = new sonicBoom.SonicBoom({ fd: STDOUT, sync: false, maxLength: MAX_HELD_BYTES });
  destination.on('error', () => {});
  const written = () => new Promise<void>((resolve) => destination.flush(() => resolve()));
  const givenUp = () => new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref());
  return {
    log: pino(jsonOptions(level), destination),
    writeLine: (line) => void destination.write(`${line}\n`),
    flush: () => Promise.race([written(), givenUp()]),
  };
}

function terminalLog(level: string): Log {
  return {
    log: pino({ level, base: null }, prettyStream()),
    writeLine: (line) => void process.stdout.write(`${line}\n`),
    flush: async () => {},
  };
}

function jsonOptions(level: string): pino.LoggerOptions {
  return {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
}

function prettyStream(): pino.DestinationStream {
  return pretty({ sync: true, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
}
