/**
 * A small cache that outlives a call: upstream tokens, look-up results.
 *
 * Needs `import chancery:host/kv@0.1.0;` in `wit/world.wit` and `[grants.kv]` in the grant file. Keys live in a space
 * of their own for each pair of issuer and plugin. An entry may vanish at any moment, and the cache may not answer:
 * catch {@link KvError} and go on without it.
 */

import { PluginError } from "./index.js";

/** Why the cache did not answer. */
export type KvErrorCode =
  /** The key is empty or longer than 512 bytes. */
  | "bad-key"
  /** The value is not JSON, or JSON that is not taken; see `parseJson` of chancery. */
  | "bad-json"
  /** The value exceeds the limit, 64 KiB by default. */
  | "too-large"
  /** The cache cannot be reached, or the call has used it too often. */
  | "unavailable";

/** The cache did not answer. Uncaught it becomes the right error by itself. */
export class KvError extends PluginError {
  constructor(code: KvErrorCode, detail: string);
  readonly code: KvErrorCode;
}

/** How long an entry is kept. */
export interface PutOptions {
  /** In milliseconds; the grant's maximum applies where it is absent or longer. */
  ttlMs?: number;
}

/** The value of a key; undefined when never set, expired or lost. */
export function get(key: string): Uint8Array | undefined;

/** {@link get} as UTF-8 text. */
export function getText(key: string): string | undefined;

/** {@link get} as JSON, read as by `parseJson` of chancery. */
export function getJson(key: string): any;

/** Sets a key. */
export function put(key: string, value: Uint8Array | string, options?: PutOptions): void;

/** {@link put} of a value as JSON. What JSON does not have is an error, as in claims. */
export function putJson(key: string, value: unknown, options?: PutOptions): void;

declare function del(key: string): void;

export {
  /** Removes a key; removing an absent one succeeds. */
  del as delete,
};
