// What StarlingMonkey does in its own way; see engine.js.

/** Whether an export may answer with a Promise. */
export const WAITS_FOR_PROMISES = true;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The UTF-8 bytes of a text. */
export function encode(text) {
  return ENCODER.encode(text);
}

/** The text of UTF-8 bytes. Throws where they are none. */
export function decode(bytes) {
  return DECODER.decode(bytes);
}

/** A 64-bit number of the contract as the engine hands it over. */
export function toWire(number) {
  return BigInt(number);
}

/** A 64-bit number of the contract, as the engine gives it. */
export function fromWire(number) {
  return Number(number);
}
