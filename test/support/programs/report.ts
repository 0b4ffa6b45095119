// What is shown of the checks: one line each, and a closing line.

export class Report {
  #passed = 0;
  #failed = 0;

  /** Runs one check and shows its sentence, with the text that it resolves to, if any. Rethrows what it throws. */
  async check(sentence: string, body: () => Promise<unknown>): Promise<void> {
    const startedMs = performance.now();
    try {
      const detail = await body();
      this.#passed += 1;
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`ok      ${sentence}${typeof detail === 'string' ? `: ${detail}` : ''} (${seconds} s)`);
    } catch (error) {
      this.#failed += 1;
      console.log(`FAILED  ${sentence}`);
      throw error;
    }
  }

  close(): void {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
  }
}
