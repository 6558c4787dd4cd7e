// Texts and bytes. QuickJS has neither TextEncoder nor TextDecoder.

/** How many bytes become characters at once: arguments of one call live on the engine's stack. */
const CHUNK = 8192;

/** The UTF-8 bytes of a text. Half a surrogate pair becomes U+FFFD. */
export function encodeUtf8(text) {
  const bytes = new Uint8Array(text.length * 3);
  let end = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if (code < 0x80) {
      bytes[end++] = code;
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const low = code < 0xdc00 ? text.charCodeAt(at + 1) : NaN;
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at++;
      } else {
        code = 0xfffd;
      }
    }
    if (code < 0x800) {
      bytes[end++] = 0xc0 | (code >> 6);
    } else if (code < 0x10000) {
      bytes[end++] = 0xe0 | (code >> 12);
      bytes[end++] = 0x80 | ((code >> 6) & 0x3f);
    } else {
      bytes[end++] = 0xf0 | (code >> 18);
      bytes[end++] = 0x80 | ((code >> 12) & 0x3f);
      bytes[end++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[end++] = 0x80 | (code & 0x3f);
  }
  return bytes.slice(0, end);
}

/** The text of UTF-8 bytes. Throws a TypeError where they are no UTF-8. */
export function decodeUtf8(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK));
  }
  try {
    // The engine's own decoder, by way of percent-encoding: many times faster than a loop here.
    return decodeURIComponent(escape(binary));
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
