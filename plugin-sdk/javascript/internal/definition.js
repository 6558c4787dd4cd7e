// What authors hand to define…: checked when the plugin is built, where it is their defect and nobody's request.

import { isObject, kindOf } from "./text.js";

const COMMON = { name: text, version: version, summary: text, configSchema: optional(object) };
const LIFECYCLE = { validate: optional(method), prepare: optional(method), health: optional(method) };

/** Checks a definition; `kind` are the functions of the kind. */
export function checked(what, definition, kind) {
  if (!isObject(definition)) throw new TypeError(`${what} takes an object; this is ${kindOf(definition)}`);
  const members = { ...COMMON, ...LIFECYCLE, ...Object.fromEntries(kind.map((name) => [name, method])) };
  for (const name of Object.keys(definition)) {
    if (!Object.hasOwn(members, name)) {
      throw new TypeError(`${what}: there is no member ${name}; there are ${Object.keys(members).join(", ")}`);
    }
  }
  for (const [name, check] of Object.entries(members)) {
    const fault = check(definition[name]);
    if (fault !== undefined)
      throw new TypeError(`${what}: ${name} must be ${fault}; it is ${kindOf(definition[name])}`);
  }
  return definition;
}

function text(value) {
  return typeof value === "string" && value !== "" ? undefined : "a text";
}

function version(value) {
  return typeof value === "string" && /^\d+\.\d+\.\d+/.test(value) ? undefined : 'a version such as "1.0.0"';
}

function object(value) {
  return isObject(value) ? undefined : "an object";
}

function method(value) {
  return typeof value === "function" ? undefined : "a function";
}

function optional(check) {
  return (value) => (value === undefined || value === null ? undefined : check(value));
}
