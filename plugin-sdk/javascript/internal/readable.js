// Bytes on the host's side that are read in parts: a granted file, what prepare returned.

import { duringCall } from "./call.js";
import { readJson } from "./json.js";
import { decodeUtf8 } from "./text.js";

/** The most that the host gives at once. */
const MAX_READ = 1024 * 1024;

/** What authors read with; `source` are the host's `size` and `read`, `toError` makes an error of what is no JSON. */
export function readable(what, source, toError) {
  const self = {
    size() {
      duringCall(`${what}.size`);
      return source.size();
    },
    read(offset, length) {
      duringCall(`${what}.read`);
      const end = Math.min(source.size(), natural(offset) + natural(length));
      const parts = new Uint8Array(Math.max(0, end - offset));
      for (let at = offset; at < end;) {
        const part = source.read(at, Math.min(MAX_READ, end - at));
        if (part.length === 0) return parts.slice(0, at - offset);
        parts.set(part, at - offset);
        at += part.length;
      }
      return parts;
    },
    bytes: () => self.read(0, self.size()),
    text: () => decodeUtf8(self.bytes()),
    json: () => readJson(self.bytes(), toError),
  };
  return self;
}

function natural(value) {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError("offset and length must be whole numbers, zero or more");
}
