// Secrets as handles without a value. secrets.d.ts is the reference.

import { get as getHandle } from "chancery:host/secrets@0.1.0";

import { Misconfigured, Unavailable } from "./internal/errors.js";
import { callHost } from "./internal/host.js";
import { Secret } from "./internal/secret.js";
import { toText } from "./internal/text.js";

export function get(name) {
  const wanted = toText(name, "a secret's name");
  const handle = callHost(
    "chancery/secrets",
    () => getHandle(wanted),
    ({ tag, val }) => toError(wanted, tag, val),
  );
  return new Secret(wanted, handle);
}

function toError(name, tag, reason) {
  if (tag === "not-granted") {
    return new Misconfigured("A secret is not available.", {
      detail: `${name} is not among names of [grants.secrets]`,
    });
  }
  return new Unavailable("A secret is not available.", { detail: `${name}: ${reason}` });
}
