// A small cache that outlives a call. kv.d.ts is the reference.

import { delete as remove, get as read, put as write } from "chancery:host/kv@0.1.0";

import { toWire } from "./internal/engine.js";
import { PluginError } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { readJson, writeJson } from "./internal/json.js";
import { decodeUtf8, kindOf, toBytes, toText } from "./internal/text.js";

const TAGS = {
  "bad-key": "internal",
  "bad-json": "internal",
  "too-large": "misconfigured",
  unavailable: "unavailable",
};

export class KvError extends PluginError {
  constructor(code, detail) {
    super(TAGS[code] ?? "internal", "The plugin's cache cannot be used.", { detail });
    this.code = code;
  }
}

export function get(key) {
  const name = toText(key, "a key");
  return callHost("chancery/kv", () => read(name), toError) ?? undefined;
}

export function getText(key) {
  const value = get(key);
  return value === undefined ? undefined : decodeUtf8(value);
}

export function getJson(key) {
  const value = get(key);
  return value === undefined ? undefined : readJson(value, (reason) => toError({ tag: "bad-json", val: reason }));
}

export function put(key, value, { ttlMs } = {}) {
  const name = toText(key, "a key");
  const bytes = toBytes(value, "a value of the cache");
  if (ttlMs !== undefined && !(typeof ttlMs === "number" && ttlMs >= 0)) {
    throw new TypeError(`ttlMs must be a number of milliseconds; it is ${kindOf(ttlMs)}`);
  }
  const ttl = ttlMs === undefined ? undefined : toWire(Math.min(Math.ceil(ttlMs), Number.MAX_SAFE_INTEGER));
  callHost("chancery/kv", () => write(name, bytes, ttl), toError);
}

export function putJson(key, value, options) {
  put(key, writeJson("a value of the cache", value), options);
}

function del(key) {
  const name = toText(key, "a key");
  callHost("chancery/kv", () => remove(name), toError);
}

export { del as delete };

function toError({ tag, val }) {
  switch (tag) {
    case "bad-key":
      return new KvError(tag, "the key is empty or longer than 512 bytes");
    case "too-large":
      return new KvError(tag, `a value may hold ${val} bytes`);
    case "bad-json":
      return new KvError(tag, `the value is not JSON: ${val}`);
    default:
      return new KvError(tag, `the cache does not answer: ${val}`);
  }
}
