// JSON, read and written strictly: what two readers could understand differently is refused.

import { PluginError } from "./errors.js";
import { MAX_DEPTH, faultOf, isExact } from "./json-text.js";
import { decodeUtf8, kindOf, toText } from "./text.js";

/** So many arrays and objects can hold no more levels than the engine's own reader bears: at 4,000 it ends the call. */
const MAX_UNSEEN = 1000;

/** Texts, and what is no bracket, in a JSON text. */
const TEXTS = /"[^"\\]*(?:\\.[^"\\]*)*"/g;
const NO_BRACKETS = /[^[\]{}]+/g;
const OPENING = "[{";

/** The code of the character that ends a name. White space, which may follow it, has smaller ones. */
const QUOTE = 34;

/** What to do about a value that JSON does not have. */
const ADVICE = {
  "a BigInt": "use String(…)",
  "a Map": "use Object.fromEntries(…)",
  "a Set": "use Array.from(…)",
  "a Uint8Array": "use a text, or an attachment",
};

/**
 * JSON that is not taken, and values that JSON does not have. Its texts tell places and kinds and quote no value; about
 * what an author writes they name the members on the way to it, about what is read they name none.
 */
export class JsonError extends PluginError {
  constructor(detail) {
    super("internal", "The plugin failed.", { detail });
  }
}

/** Reads JSON, see {@link readJson}. */
export function parseJson(text) {
  return readJson(toText(text, "JSON"), (reason) => new JsonError(`the JSON cannot be read: ${reason}`));
}

/**
 * Reads JSON that somebody else wrote, a text or its UTF-8 bytes. Refused are names that stand twice in one object,
 * numbers that JavaScript does not keep exactly, and more levels than the contract has. The engine's reader takes all
 * of that, and quotes the text where it fails. `toError` makes an error of the reason.
 */
export function readJson(source, toError) {
  const text = typeof source === "string" ? source : decoded(source, toError);
  if (isBearable(text)) {
    const value = parsed(text);
    if (value !== undefined && isNamedOnce(text, membersOf(value))) return value;
  }
  // Perhaps it is in order, and the quick look could not tell. Otherwise this finds out what is wrong, and where.
  const reason = faultOf(text);
  const value = reason === undefined ? parsed(text) : undefined;
  if (value === undefined) throw toError(reason ?? "it is no JSON");
  return value;
}

function decoded(bytes, toError) {
  try {
    return decodeUtf8(bytes);
  } catch {
    throw toError("it is not UTF-8");
  }
}

/** Whether the engine's own reader can be trusted with a text. */
function isBearable(text) {
  if (text.split("[").length + text.split("{").length <= MAX_UNSEEN) return true;
  const brackets = text.replace(TEXTS, "").replace(NO_BRACKETS, "");
  let levels = 0;
  for (let at = 0; at < brackets.length && levels <= MAX_DEPTH; at++) levels += OPENING.includes(brackets[at]) ? 1 : -1;
  return levels <= MAX_DEPTH;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How many members all objects inside have. NaN where a number is not exact, or the levels are too many. */
function membersOf(value) {
  return membersInside([value], MAX_DEPTH + 1);
}

function membersInside(container, levels) {
  if (levels === 0) return NaN;
  const isArray = Array.isArray(container);
  const inner = isArray ? container : Object.values(container);
  let count = isArray ? 0 : inner.length;
  for (let at = 0; at < inner.length; at++) {
    const value = inner[at];
    if (typeof value === "object") {
      if (value !== null) count += membersInside(value, levels - 1);
    } else if (typeof value === "number" && !isExact(value)) {
      return NaN;
    }
  }
  return count;
}

/**
 * Whether a text names no more members than were read of it: then none was there twice. Colons are counted, less those
 * that can end no name, until they are few enough; in values they may leave some over, and that proves nothing.
 */
function isNamedOnce(text, members) {
  const parts = text.split(":");
  let names = parts.length - 1;
  for (let at = names - 1; at >= 0 && names > members; at--) {
    const part = parts[at];
    if (part.charCodeAt(part.length - 1) > QUOTE) names--;
  }
  return names === members;
}

/** Writes a value as JSON. `what` names it in the error about what JSON does not have: `claims.height is …`. */
export function writeJson(what, value) {
  const fault = faultIn(value, MAX_DEPTH);
  if (fault !== undefined) throw new JsonError(`${what}${fault}`);
  return JSON.stringify(value);
}

/** The way to what cannot be written, and what it is. JSON.stringify makes null or {} of most of it, without a word. */
function faultIn(value, levels) {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? undefined : " holds half of a surrogate pair, which is not Unicode";
    case "number":
      return isExact(value) ? undefined : inexact(value);
    case "boolean":
      return undefined;
    case "object":
      return value === null ? undefined : faultInside(value, levels);
    default:
      return missing(value);
  }
}

function faultInside(container, levels) {
  const isArray = Array.isArray(container);
  if (!isArray && container.constructor !== Object) {
    if (container instanceof Date) return Number.isNaN(container.getTime()) ? " is no valid date" : undefined;
    if (Object.prototype.toString.call(container) !== "[object Object]") return missing(container);
  }
  if (levels === 0) return ` is deeper than ${MAX_DEPTH} levels, or holds itself`;
  if (typeof container.toJSON === "function") return faultIn(container.toJSON(""), levels - 1);
  const names = isArray ? undefined : Object.keys(container);
  if (names !== undefined && !names.every(isUnicode)) return " has half of a surrogate pair in a name";
  const inner = isArray ? container : Object.values(container);
  for (let at = 0; at < inner.length; at++) {
    const value = inner[at];
    if (typeof value === "string" ? value.isWellFormed() : value === undefined && !isArray) continue;
    const fault = faultIn(value, levels - 1);
    if (fault !== undefined) return isArray ? `[${at}]${fault}` : `.${names[at]}${fault}`;
  }
  return undefined;
}

function isUnicode(name) {
  return name.isWellFormed();
}

function inexact(value) {
  return Number.isFinite(value)
    ? " is beyond 2^53, where JavaScript rounds whole numbers: use a text"
    : " is not a finite number";
}

function missing(value) {
  const kind = kindOf(value);
  const advice = ADVICE[kind] === undefined ? "" : `: ${ADVICE[kind]}`;
  return ` is ${kind}, which JSON does not have${advice}`;
}
