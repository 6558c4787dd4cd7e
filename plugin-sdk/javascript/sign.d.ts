/**
 * Signatures with keys that stay in the host, for sources that want signed requests.
 *
 * Needs `import chancery:host/sign@0.1.0;` in `wit/world.wit` and `[grants.sign.keys.<name>]` in the grant file, which
 * names one purpose for each key: a key granted for client assertions cannot sign anything else.
 */

import { PluginError } from "./index.js";

/** Why there is no signature. */
export type SignErrorCode =
  /** The grant file names no such key. */
  | "not-granted"
  /** The key is granted for another purpose. */
  | "wrong-purpose"
  /** The input is not what the purpose allows. */
  | "bad-input"
  /** The key's backend does not answer. */
  | "unavailable";

/** There is no signature. Uncaught it becomes the right error by itself. */
export class SignError extends PluginError {
  constructor(code: SignErrorCode, detail: string);
  readonly code: SignErrorCode;
}

/**
 * Purpose `jwt`: a compact JWT over `claims`. The host writes the header, sets `iss`, `sub` and `aud` where the grant
 * fixes them, and `iat`, `exp` and `jti` always. At most 16 KiB.
 */
export function jwt(key: string, claims: object): string;

/** Purpose `detached-jws`: a compact JWS with detached payload (RFC 7515, appendix F). At most 1 MiB. */
export function detachedJws(key: string, payload: Uint8Array | string): string;

/** Purpose `mac`: HMAC-SHA-256 over `message`, for webhooks and signed requests. At most 1 MiB. */
export function mac(key: string, message: Uint8Array | string): Uint8Array;
