// What a runner wrote before it ended: of many lines, those that say why.

/** A stack trace and what a loader prints after it hide what was said first. */
const KEPT = 60;
const SHOWN = 5;
const LINE_LENGTH = 500;

/** Where it stood, not why it ended: stack frames, carets under a line, Node's version, the line of code itself. */
const NOISE =
  /^\s*(?:at |\^+\s*$|Node\.js v\d|node:internal\/|file:\/\/.*:\d+$|Thrown at:|\(Use `node --trace)|^\s*$/;
const ERROR = /^(?:Uncaught )?(?:\w+ )*\w*(?:Error|Exception)\b(?: \[\w+\])?: /;

export class LastWords {
  #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(line.slice(0, LINE_LENGTH));
    if (this.#lines.length > KEPT) this.#lines.shift();
  }

  clear(): void {
    this.#lines = [];
  }

  /** The last of them that mean anything; from the last error on, where one was thrown. */
  get telling(): readonly string[] {
    const lines = this.#lines.filter((line) => !NOISE.test(line));
    const thrown = lines.findLastIndex((line) => ERROR.test(line));
    return thrown === -1 ? lines.slice(-SHOWN) : lines.slice(thrown, thrown + SHOWN);
  }
}
