// Why a call gave no result: one text for the holder, one for the operator.

import { lineOf } from "./lines.js";
import { encodeUtf8, kindOf } from "./text.js";

/** What the contract allows for `detail`. */
const MAX_DETAIL_BYTES = 4096;

/** How far causes are followed. */
const MAX_CAUSES = 4;

/** What the holder reads when the plugin has a defect. */
const DEFECT = "The plugin failed.";

/** A failure as the host takes it. */
export class PluginError extends Error {
  constructor(tag, message, options = {}) {
    super(String(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.tag = tag;
    this.detail = options.detail === undefined ? undefined : String(options.detail);
  }

  get name() {
    return this.constructor.name;
  }
}

export class NotFound extends PluginError {
  constructor(message, options) {
    super("not-found", message, options);
  }
}

export class Denied extends PluginError {
  constructor(message, options) {
    super("denied", message, options);
  }
}

export class InvalidRequest extends PluginError {
  constructor(message, options) {
    super("invalid-request", message, options);
  }
}

export class Unavailable extends PluginError {
  constructor(message, options = {}) {
    super("unavailable", message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

export class Misconfigured extends PluginError {
  constructor(message, options) {
    super("misconfigured", message, options);
  }
}

export class Internal extends PluginError {
  constructor(message, options) {
    super("internal", message, options);
  }
}

/** The contract's form of whatever was thrown. */
export function toContract(thrown) {
  if (!(thrown instanceof PluginError)) {
    return { tag: "internal", val: { message: DEFECT, detail: cut(describe(thrown)) } };
  }
  const problem = { message: thrown.message.toWellFormed(), detail: cut(detailOf(thrown)) || undefined };
  if (thrown.tag !== "unavailable") return { tag: thrown.tag, val: problem };
  return { tag: "unavailable", val: { problem, afterMs: milliseconds(thrown.retryAfterMs) } };
}

/** What the operator reads. Where the plugin is at fault, the place is part of it. */
function detailOf(error) {
  const parts = [error.detail];
  if (error.tag === "internal") parts.push(...framesOf(error));
  if (error.cause !== undefined) parts.push(describe(error.cause));
  return parts.filter((part) => part !== undefined).join("\n");
}

/** A 32-bit number of milliseconds; what makes no sense as a time is left out. */
function milliseconds(value) {
  if (typeof value !== "number" || !(value >= 0)) return undefined;
  return Math.min(Math.ceil(value), 0xffffffff);
}

/** What was thrown, with the author's lines and without the SDK's. */
export function describe(thrown) {
  const said = [];
  for (let error = thrown; said.length < MAX_CAUSES; error = error.cause) {
    said.push(describeOne(error));
    if (!(error instanceof Error) || error.cause === undefined) break;
  }
  return said.join("\ncaused by ");
}

function describeOne(thrown) {
  if (!(thrown instanceof Error)) {
    const text = typeof thrown === "string" ? JSON.stringify(thrown) : kindOf(thrown);
    return `${text} was thrown, which is no Error`;
  }
  const detail = thrown instanceof PluginError && thrown.detail !== undefined ? ` (${thrown.detail})` : "";
  return [`${thrown.name}: ${thrown.message}${detail}`, ...framesOf(thrown)].join("\n");
}

/** The author's lines of a stack. */
function framesOf(error) {
  return String(error.stack ?? "")
    .split("\n")
    .map(frame)
    .filter((line) => line !== undefined);
}

/** One line of a stack, with the place in the author's file; undefined for what tells an author nothing. */
function frame(line) {
  const place = /^\s*at (?:(.*) \()?[^()]*?:(\d+)(?::\d+)?\)?$/.exec(line) ?? /^([^@]*)@.*?:(\d+)(?::\d+)?$/.exec(line);
  if (place === null) return undefined;
  const name = place[1] && place[1] !== "<anonymous>" ? place[1] : "a function";
  const at = lineOf(Number(place[2]));
  return at === undefined ? undefined : `    at ${name} (${at})`;
}

/** The beginning of a text, at most as long as the contract allows. */
function cut(text) {
  const whole = text.toWellFormed();
  if (whole.length * 3 <= MAX_DETAIL_BYTES) return whole;
  let end = Math.min(whole.length, MAX_DETAIL_BYTES);
  while (encodeUtf8(whole.slice(0, end)).length > MAX_DETAIL_BYTES) end = Math.floor(end * 0.9);
  return whole.slice(0, end).toWellFormed();
}
