// An append-only file for audit sinks. journal.d.ts is the reference.

import * as host from "chancery:host/journal@0.1.0";

import { fromWire } from "./internal/engine.js";
import { PluginError } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { toBytes } from "./internal/text.js";

export class JournalError extends PluginError {
  constructor(code, detail) {
    super(code === "full" ? "misconfigured" : "unavailable", "The journal cannot be written.", { detail });
    this.code = code;
  }
}

export function append(lines) {
  const bytes = toBytes(lines, "what is appended");
  call(() => host.append(bytes));
}

export function size() {
  return fromWire(call(() => host.size()));
}

export function begunAt() {
  const at = call(() => host.begunAt());
  return at == null ? undefined : new Date(fromWire(at));
}

export function rotate() {
  call(() => host.rotate());
}

function call(run) {
  return callHost(
    "chancery/journal",
    run,
    ({ tag, val }) =>
      new JournalError(tag, tag === "full" ? `max_file of [grants.journal] allows ${val} bytes a file` : val),
  );
}
