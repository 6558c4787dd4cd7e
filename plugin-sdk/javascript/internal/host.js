// Calls to the host.

import { duringCall } from "./call.js";

/**
 * Calls the host. An error that the contract declares arrives as `payload` of what is thrown; `toError` makes one for
 * authors of it.
 */
export function callHost(what, run, toError) {
  duringCall(what);
  try {
    return run();
  } catch (thrown) {
    if (typeof thrown !== "object" || thrown === null || thrown.payload === undefined) throw thrown;
    throw toError(thrown.payload);
  }
}
