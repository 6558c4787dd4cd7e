// Read-only files. files.d.ts is the reference.

import { open as openGranted } from "chancery:host/files@0.1.0";

import { fromWire, toWire } from "./internal/engine.js";
import { PluginError } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { readable } from "./internal/readable.js";
import { toText } from "./internal/text.js";

export class FileError extends PluginError {
  constructor(code, detail) {
    super("misconfigured", "The data source cannot be used.", { detail });
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
  return readable("a file", {
    size: () => fromWire(file.size()),
    read: (offset, length) => file.read(toWire(offset), length),
  });
}

export function readBytes(path) {
  return open(path).bytes();
}

export function readText(path) {
  return open(path).text();
}

export function readJson(path) {
  return JSON.parse(readText(path));
}

function notGranted(path, known) {
  return known.length === 0
    ? `no file is granted: add [[grants.files]] with guest = ${JSON.stringify(path)}`
    : `${path} is not granted, only ${known.join(", ")}`;
}
