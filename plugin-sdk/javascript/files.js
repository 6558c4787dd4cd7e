// Read-only files. files.d.ts is the reference.

import { open as openGranted } from "chancery:host/files@0.1.0";

import { fromWire, toWire } from "./internal/engine.js";
import { PluginError } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { readable } from "./internal/readable.js";
import { toText } from "./internal/text.js";

const MESSAGES = {
  "not-granted": "The data file is not available.",
  "bad-json": "The data file cannot be read.",
};

export class FileError extends PluginError {
  constructor(code, detail) {
    super("misconfigured", MESSAGES[code], { detail });
    this.code = code;
  }
}

export function open(path) {
  const name = toText(path, "a file's path");
  const file = callHost(
    "chancery/files",
    () => openGranted(name),
    ({ tag, val }) => new FileError(tag, notGranted(name, val)),
  );
  const source = { size: () => fromWire(file.size()), read: (offset, length) => file.read(toWire(offset), length) };
  const unreadable = (reason) => new FileError("bad-json", `the JSON of ${path} cannot be read: ${reason}`);
  return readable("a file", source, unreadable);
}

export function readBytes(path) {
  return open(path).bytes();
}

export function readText(path) {
  return open(path).text();
}

export function readJson(path) {
  return open(path).json();
}

function notGranted(path, known) {
  return (
    `no file is granted as "${path}" (granted: ${known.join(", ") || "none"}); ` +
    `add [[grants.files]] with guest = "${path}" to the grant file`
  );
}
