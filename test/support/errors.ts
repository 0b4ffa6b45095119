// What a call was refused with.

import { ServiceError } from '../../src/errors.js';

/** Code and message of the ServiceError that it throws or rejects with; anything else fails the test. */
export async function refusalOf(call: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ServiceError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}
