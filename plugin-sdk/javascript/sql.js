// Named SQL statements. sql.d.ts is the reference.

import { run } from "chancery:host/sql@0.1.0";

import { fromWire, toWire } from "./internal/engine.js";
import { PluginError } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { readJson, writeJson } from "./internal/json.js";
import { isObject, kindOf, toText } from "./internal/text.js";

/** Values that JavaScript has no type for are written `{ date: "2020-02-29" }`. */
const TYPED = ["numeric", "date", "time", "timestamp", "uuid"];

/** SQLSTATE class 42: syntax, names, rights. Messages of the others quote values. */
const ABOUT_STATEMENT = /^42...$/;

/** SQLSTATE classes of failures that pass: connection, rollback, resources, operator intervention, system error. */
const PASSES = /^(?:08|40|53|57|58)...$/;

/** Class 22 is about the values at hand: a text that is no number, a date out of range. */
const ABOUT_VALUES = /^22...$/;

/** A member as an assignment makes it. */
const PLAIN = { writable: true, enumerable: true, configurable: true };

const MESSAGES = {
  unavailable: "The data source does not answer at the moment.",
  "invalid-request": "The data source cannot look this subject up.",
  misconfigured: "The data source is not set up correctly.",
};

export class SqlError extends PluginError {
  constructor(code, detail, sqlState) {
    const tag = tagOf(code, sqlState ?? "");
    super(tag, MESSAGES[tag], { detail });
    this.code = code;
    this.sqlState = sqlState;
  }
}

function tagOf(code, sqlState) {
  if (code === "timeout" || code === "unavailable" || PASSES.test(sqlState)) return "unavailable";
  return ABOUT_VALUES.test(sqlState) ? "invalid-request" : "misconfigured";
}

export function query(statement, params = []) {
  if (!Array.isArray(params)) throw new TypeError(`the parameters must be an array; they are ${kindOf(params)}`);
  const name = toText(statement, "a statement's name");
  const values = params.map(toValue);
  const { columns, rows, truncated } = callHost("chancery/sql", () => run(name, values), toError);
  return { columns, rows: rows.map((row) => toRow(columns, row)), truncated };
}

export function first(statement, params) {
  return query(statement, params).rows[0];
}

function toRow(columns, values) {
  const row = {};
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at];
    const value = fromValue(values[at], column);
    // An assignment of this one would change the row's prototype.
    if (column === "__proto__") Object.defineProperty(row, column, { ...PLAIN, value });
    else row[column] = value;
  }
  return row;
}

function toValue(value, at) {
  if (value === null || value === undefined) return { tag: "null" };
  if (typeof value === "boolean") return { tag: "boolean", val: value };
  if (typeof value === "string") return { tag: "text", val: value.toWellFormed() };
  if (typeof value === "bigint" || Number.isInteger(value)) return { tag: "int", val: toWire(exact(value, at)) };
  if (typeof value === "number" && Number.isFinite(value)) return { tag: "float", val: value };
  if (value instanceof Uint8Array) return { tag: "bytes", val: value };
  if (value instanceof Date) return { tag: "timestamp", val: value.toISOString() };
  if (isObject(value) && Object.keys(value).length === 1) {
    const [[tag, inner]] = Object.entries(value);
    if (TYPED.includes(tag)) return { tag, val: toText(inner, `parameter ${at + 1}, a ${tag},`) };
    if (tag === "json") return { tag, val: writeJson(`parameter ${at + 1}`, inner) };
  }
  throw new TypeError(
    `parameter ${at + 1} is ${kindOf(value)}; a parameter is null, a boolean, a number, a text, a Uint8Array, a Date, ` +
      `or one of ${TYPED.map((tag) => `{ ${tag}: "…" }`).join(", ")}, { json: … }`,
  );
}

function exact(value, at) {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`parameter ${at + 1} is beyond 2^53: pass it as a text, and cast it in the statement`);
}

function fromValue({ tag, val }, column) {
  switch (tag) {
    case "null":
      return null;
    case "int":
      return fromInt(val, column);
    case "json":
      return readJson(val, (reason) => unreadable(column, reason));
    default:
      return val;
  }
}

function unreadable(column, reason) {
  return new SqlError("bad-json", `the JSON of column ${column} cannot be read: ${reason}`);
}

/** The engine rounds what a number cannot hold. An identity number that is off by one is worse than none. */
function fromInt(val, column) {
  const number = fromWire(val);
  if (Number.isSafeInteger(number)) return number;
  const detail =
    `column ${column} holds a whole number beyond 2^53, which JavaScript rounds: ` +
    "cast it to a text in the statement";
  throw new SqlError("too-large", detail);
}

function toError({ tag, val }) {
  switch (tag) {
    case "unknown-statement":
      return new SqlError(tag, granted(val));
    case "bad-parameter":
      return new SqlError(tag, `the parameters do not fit: ${val}`);
    case "timeout":
      return new SqlError(tag, "the statement ran longer than its timeout");
    case "unavailable":
      return new SqlError(tag, `the database does not answer: ${val}`);
    case "database":
      return new SqlError(tag, refusal(val), val.code);
    case "too-large":
      return new SqlError(tag, `the rows hold more than max_bytes, ${val} bytes`);
    default:
      return new SqlError(tag, "the host gave an error that this SDK does not know");
  }
}

function granted(known) {
  return known.length === 0
    ? "no statement is granted: add [grants.sql.statements.<name>]"
    : `no such statement is granted, only ${known.join(", ")}`;
}

function refusal({ code, message }) {
  return ABOUT_STATEMENT.test(code)
    ? `the database refused the statement: ${code} ${message}`
    : `the database refused the statement: ${code} (its message may quote data and is not shown)`;
}
