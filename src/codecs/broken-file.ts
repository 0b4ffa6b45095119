// Why a file is no whole picture.

/** The message is a sentence about the file, which goes to the caller. */
export class BrokenFile extends Error {
  override readonly name = 'BrokenFile';
}

/** For a part that says it is longer than the file. */
export function cutOff(part: string, at: number, { says, left }: { says: number; left: number }): BrokenFile {
  return new BrokenFile(
    `${part} at byte ${at} is cut off: it says that it has ${says} bytes, ${left} are left`,
  );
}

/** A part's own name, which may be anything. */
export function nameOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4)).replace(/[^ -~]/g, '?');
}
