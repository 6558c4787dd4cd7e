/**
 * An append-only file, for audit sinks. What was written can't be read back, changed or removed by the plugin.
 *
 * Needs `import chancery:host/journal@0.1.0;` in `wit/world.wit` and `[grants.journal]` in the grant file, where the
 * operator names directory and file.
 */

import { PluginError } from "./index.js";

/** Nothing was written. */
export class JournalError extends PluginError {
  constructor(code: "full" | "unavailable", detail: string);
  /** `full`: the file would exceed the grant's `max_file`; rotate first. `unavailable`: the file system refused. */
  readonly code: "full" | "unavailable";
}

/** Appends whole lines, each with its newline; they are on disk when this returns. At most 1 MiB a call. */
export function append(lines: string | Uint8Array): void;

/** How many bytes the file in use holds. */
export function size(): number;

/** When the file in use was begun; undefined while it is empty. */
export function begunAt(): Date | undefined;

/** Closes the file in use and begins a new one. Nothing happens while it is empty. */
export function rotate(): void;
