// What QuickJS does in its own way. engine-starlingmonkey.js stands in its place for the other engine.

/** Whether an export may answer with a Promise. Nothing in QuickJS waits for one. */
export const WAITS_FOR_PROMISES = false;

/** A 64-bit number of the contract as the engine hands it over. */
export function toWire(number) {
  return number;
}

/** A 64-bit number of the contract, as the engine gives it: a number, rounded beyond 2^53. */
export function fromWire(number) {
  return number;
}
