/**
 * Reads the values of secrets into the plugin. Granted apart from `chancery/secrets`, because a plugin that holds a
 * value can also leak it: never log it, never answer with it.
 *
 * Needs `import chancery:host/reveal@0.1.0;` in `wit/world.wit` and `reveal = true` in `[grants.secrets]`. Each use is
 * one audit event.
 */

import type { Secret } from "./secrets.js";

/** The value's bytes. */
export function reveal(secret: Secret): Uint8Array;

/** The value as UTF-8 text. */
export function revealText(secret: Secret): string;
