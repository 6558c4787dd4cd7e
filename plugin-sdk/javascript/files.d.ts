/**
 * Read-only files that the operator granted.
 *
 * Needs `import chancery:host/files@0.1.0;` in `wit/world.wit` and `[[grants.files]]` in the grant file. Every call of
 * a generation reads the same bytes; a changed file makes a new generation. What is costly to parse belongs into
 * `prepare`.
 */

import { PluginError, Readable } from "./index.js";

/** Why a file gave nothing. */
export type FileErrorCode =
  /** No file is granted under this path. */
  | "not-granted"
  /** It is not JSON, or JSON that is not taken; see `parseJson` of chancery. */
  | "bad-json";

/** A file that gave nothing. Uncaught it becomes `misconfigured`. */
export class FileError extends PluginError {
  constructor(code: FileErrorCode, detail: string);
  readonly code: FileErrorCode;
}

/** Opens a file by its guest path, compared byte for byte with `guest` of the grant. */
export function open(path: string): Readable;

/** All bytes of a file. */
export function readBytes(path: string): Uint8Array;

/** A file as UTF-8 text. */
export function readText(path: string): string;

/** A file as JSON, read as by `parseJson` of chancery. */
export function readJson(path: string): any;
