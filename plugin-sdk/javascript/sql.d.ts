/**
 * Named SQL statements, run by the host on pooled connections.
 *
 * Needs `import chancery:host/sql@0.1.0;` in `wit/world.wit`. The statements stand in the grant file,
 * `[grants.sql.statements.<name>]`; a plugin never sends SQL text. What the grant binds there (`params =
 * ["@subject.id"]`) is filled in by the host, and no mistake in the plugin can ask about somebody else.
 */

import { Json, PluginError } from "./index.js";

/**
 * A parameter. Whole numbers beyond 2^53 are passed as texts and cast in the statement; types that JavaScript does not
 * have are written `{ date: "2020-02-29" }`.
 */
export type Parameter =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | { numeric: string }
  | { date: string }
  | { time: string }
  | { timestamp: string }
  | { uuid: string }
  | { json: unknown };

/**
 * A value of a row. Decimals, dates, times and UUIDs are texts; JSON is parsed. A whole number beyond 2^53 is an error:
 * cast such a column to a text in the statement.
 */
export type Value = Json | Uint8Array;

/** A row, its values by column name. Of several columns of one name, the last. */
export type Row = { [column: string]: any };

/** What a statement returned. */
export interface Rows {
  /** Column names in the order of the statement. */
  columns: string[];
  rows: Row[];
  /** True when the statement had more rows than the grant's `max_rows`. */
  truncated: boolean;
}

/** Why a statement gave no rows. */
export type SqlErrorCode =
  /** The grant file names no such statement. */
  | "unknown-statement"
  /** Number or type of the parameters is wrong. */
  | "bad-parameter"
  /** The statement ran longer than the grant's `timeout`. */
  | "timeout"
  /** The database cannot be reached, or no connection became free in time. */
  | "unavailable"
  /** The database refused the statement; see `sqlState`. */
  | "database"
  /** The rows exceed the grant's `max_bytes`, or a number does not fit JavaScript. */
  | "too-large"
  /** A column holds JSON that is not taken; see `parseJson` of chancery. */
  | "bad-json";

/** A statement without rows. Uncaught it becomes the right error by itself. */
export class SqlError extends PluginError {
  constructor(code: SqlErrorCode, detail: string, sqlState?: string);
  readonly code: SqlErrorCode;
  /** The five-character SQLSTATE of a refusal. */
  readonly sqlState?: string;
}

/**
 * Runs the named statement. `params` fill the parameters that the grant leaves to the plugin, in order. Each run is one
 * transaction, read-only unless the grant says otherwise.
 *
 * @throws {SqlError}
 */
export function query(statement: string, params?: Parameter[]): Rows;

/** The first row of {@link query}; undefined where there is none. */
export function first(statement: string, params?: Parameter[]): Row | undefined;
