// Values as texts for log lines.

import { describe } from "./errors.js";
import { kindOf } from "./text.js";

/** A value as one would write it, texts without quotes. */
export function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return describe(value);
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? kindOf(value);
  } catch {
    // A cycle, or a BigInt inside.
    return kindOf(value);
  }
}
