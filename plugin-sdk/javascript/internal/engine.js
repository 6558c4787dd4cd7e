// What QuickJS does in its own way. engine-starlingmonkey.js stands in its place for the other engine.

/** Whether an export may answer with a Promise. Nothing in QuickJS waits for one. */
export const WAITS_FOR_PROMISES = false;

/** What is not ASCII, in bytes that are written as characters. */
const BEYOND_ASCII = /[^\0-\x7f]+/g;

/**
 * The UTF-8 bytes of a text without half surrogate pairs. QuickJS has neither TextEncoder nor TextDecoder; what it has
 * in native code is many times faster than a loop, even by such detours.
 */
export function encode(text) {
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text))));
}

/** The text of UTF-8 bytes. Throws where they are none. */
export function decode(bytes) {
  return atob(bytes.toBase64()).replace(BEYOND_ASCII, (part) => decodeURIComponent(escape(part)));
}

/** A 64-bit number of the contract as the engine hands it over. */
export function toWire(number) {
  return number;
}

/** A 64-bit number of the contract, as the engine gives it: a number, rounded beyond 2^53. */
export function fromWire(number) {
  return number;
}
