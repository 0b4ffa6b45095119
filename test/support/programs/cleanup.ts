// What has to be undone, in the reverse order, however the run ends.

export class Cleanup {
  readonly #undo: (() => Promise<unknown>)[] = [];

  add(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  /** One that fails is shown and keeps none of the others from being done. */
  async run(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) {
      await undo().catch((error: Error) => console.error(`cleaning up: ${error.message}`));
    }
  }
}
