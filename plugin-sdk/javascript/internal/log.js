// Lines of the host's log.

import { write as writeLine } from "chancery:host/log@0.1.0";

import { duringCall } from "./call.js";
import { show } from "./show.js";
import { isObject, kindOf } from "./text.js";

/** What the contract allows in one line. */
const MAX_FIELDS = 32;

/** Writes one line. A log line is no reason to fail: what does not fit is left out, and the line says so. */
export function write(level, message, fields) {
  duringCall("the log");
  const pairs = [];
  if (isObject(fields)) {
    const names = Object.keys(fields);
    for (let at = 0; at < names.length && at < MAX_FIELDS; at++) {
      pairs.push([names[at].toWellFormed(), show(fields[names[at]]).toWellFormed()]);
    }
  } else if (fields !== undefined) {
    pairs.push(["fields", `left out: they must be an object, not ${kindOf(fields)}`]);
  }
  writeLine(level, show(message).toWellFormed(), pairs);
}
