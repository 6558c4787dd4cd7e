// Texts and bytes.

import { decode, encode } from "./engine.js";

/** The UTF-8 bytes of a text. Half a surrogate pair becomes U+FFFD. */
export function encodeUtf8(text) {
  return encode(text.toWellFormed());
}

/** The text of UTF-8 bytes. Throws a TypeError where they are no UTF-8. */
export function decodeUtf8(bytes) {
  try {
    return decode(bytes);
  } catch {
    throw new TypeError("the bytes are not UTF-8");
  }
}

/** The bytes of a text or of bytes. Anything else throws a TypeError that names `what`. */
export function toBytes(value, what) {
  if (typeof value === "string") return encodeUtf8(value);
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError(`${what} must be a text or a Uint8Array; it is ${kindOf(value)}`);
}

/** A text that the host takes: it refuses half a surrogate pair by ending the call. */
export function toText(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} must be a text; it is ${kindOf(value)}`);
  return value.toWellFormed();
}

/** What a value is, for messages. Never what it holds: that may be personal data. */
export function kindOf(value) {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  if (isThenable(value)) return "a Promise";
  switch (typeof value) {
    case "string":
      return "a text";
    case "number":
      return Number.isNaN(value) ? "NaN" : "a number";
    case "bigint":
      return "a BigInt";
    case "boolean":
      return `${value}`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default:
      return value.constructor && value.constructor !== Object ? `a ${value.constructor.name}` : "an object";
  }
}

export function isThenable(value) {
  return typeof value === "object" && value !== null && typeof value.then === "function";
}

/** Whether a value is an object of members, as JSON has it. */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
