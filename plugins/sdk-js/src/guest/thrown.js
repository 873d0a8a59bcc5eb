// How an export fails: the generated bindings take the contract's `failure` from a property of this name.
import { asFailure } from '../failure.js';

/** Runs an export; whatever is thrown in it becomes a failure with a message, so that no call ends in a bare trap. */
export async function guarded(run) {
  try {
    return await run();
  } catch (thrown) {
    throw { payload: asFailure(thrown) };
  }
}
