// Signatures with keys that stay in the host. sign.d.ts is the reference.

import * as host from "chancery:host/sign@0.1.0";

import { PluginError } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { writeJson } from "./internal/json.js";
import { isObject, kindOf, toBytes, toText } from "./internal/text.js";

const TAGS = {
  "not-granted": "misconfigured",
  "wrong-purpose": "misconfigured",
  "bad-input": "internal",
  unavailable: "unavailable",
};

export class SignError extends PluginError {
  constructor(code, detail) {
    super(TAGS[code] ?? "internal", "The request to the data source cannot be signed.", { detail });
    this.code = code;
  }
}

export function jwt(key, claims) {
  if (!isObject(claims)) throw new TypeError(`the claims of a JWT must be an object; they are ${kindOf(claims)}`);
  const text = writeJson("claims", claims);
  return ask(key, (name) => host.jwt(name, text));
}

export function detachedJws(key, payload) {
  const bytes = toBytes(payload, "a payload");
  return ask(key, (name) => host.detachedJws(name, bytes));
}

export function mac(key, message) {
  const bytes = toBytes(message, "a message");
  return ask(key, (name) => host.mac(name, bytes));
}

function ask(key, run) {
  const name = toText(key, "a key's name");
  return callHost(
    "chancery/sign",
    () => run(name),
    ({ tag, val }) => new SignError(tag, detail(name, tag, val)),
  );
}

function detail(key, tag, reason) {
  switch (tag) {
    case "not-granted":
      return `no key ${key} is granted: add [grants.sign.keys.${key}]`;
    case "wrong-purpose":
      return `key ${key} is granted for ${reason}`;
    case "bad-input":
      return `what key ${key} was to sign does not fit its purpose: ${reason}`;
    default:
      return `key ${key}: ${reason}`;
  }
}
