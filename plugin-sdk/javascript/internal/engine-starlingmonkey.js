// What StarlingMonkey does in its own way; see engine.js.

/** Whether an export may answer with a Promise. */
export const WAITS_FOR_PROMISES = true;

/** A 64-bit number of the contract as the engine hands it over. */
export function toWire(number) {
  return BigInt(number);
}

/** A 64-bit number of the contract, as the engine gives it. */
export function fromWire(number) {
  return Number(number);
}
