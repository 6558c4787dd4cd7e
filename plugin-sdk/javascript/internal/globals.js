// What authors expect of any JavaScript engine, on top of what the host offers.

import { getRandomBytes } from "wasi:random/random@0.2.12";

import { duringCall } from "./call.js";
import { toWire } from "./engine.js";
import { show } from "./show.js";
import { write } from "./log.js";
import { decodeUtf8, encodeUtf8, kindOf } from "./text.js";

/** The most that one request for random bytes gives, as in browsers. */
const MAX_RANDOM_BYTES = 65_536;

/** The levels of the host's log by the names of the console. */
const CONSOLE = { trace: "trace", debug: "debug", log: "info", info: "info", warn: "warn", error: "error" };

class Utf8Encoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return encodeUtf8(String(text));
  }
}

class Utf8Decoder {
  constructor(label = "utf-8") {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`TextDecoder reads UTF-8 only, not ${label}`);
  }

  get encoding() {
    return "utf-8";
  }

  decode(bytes = new Uint8Array()) {
    const whole = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    return decodeUtf8(whole);
  }
}

function getRandomValues(array) {
  if (!ArrayBuffer.isView(array) || array instanceof DataView) {
    throw new TypeError(`crypto.getRandomValues takes a typed array of integers; this is ${kindOf(array)}`);
  }
  if (array.byteLength > MAX_RANDOM_BYTES) {
    throw new RangeError(`crypto.getRandomValues gives at most ${MAX_RANDOM_BYTES} bytes at once`);
  }
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(
    random("crypto.getRandomValues", array.byteLength),
  );
  return array;
}

function randomUUID() {
  const bytes = random("crypto.randomUUID", 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function random(what, length) {
  duringCall(what);
  return getRandomBytes(toWire(length));
}

/** 53 bits: every value that a number between 0 and 1 has in equal steps. */
function randomNumber() {
  const [high, low] = new Uint32Array(random("Math.random", 8).buffer);
  return ((high >>> 5) * 0x4000000 + (low >>> 6)) / 2 ** 53;
}

/** Where time begins for a call; the component was made long before. */
let origin;

function now() {
  origin ??= Date.now();
  return Date.now() - origin;
}

function define(target, name, value) {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

// The engine's own generator was seeded while the component was built, and gives every call the same numbers.
define(Math, "random", randomNumber);
define(globalThis, "performance", { now });
define(
  globalThis,
  "console",
  Object.fromEntries(
    Object.entries(CONSOLE).map(([name, level]) => [name, (...values) => write(level, values.map(show).join(" "))]),
  ),
);
define(globalThis, "crypto", { getRandomValues, randomUUID });
globalThis.TextEncoder ??= Utf8Encoder;
globalThis.TextDecoder ??= Utf8Decoder;
