// Values of secrets. reveal.d.ts is the reference.

import { reveal as revealHandle } from "chancery:host/reveal@0.1.0";

import { duringCall } from "./internal/call.js";
import { Secret } from "./internal/secret.js";
import { decodeUtf8 } from "./internal/text.js";

export function reveal(secret) {
  duringCall("chancery/reveal");
  return revealHandle(Secret.handle(secret));
}

export function revealText(secret) {
  return decodeUtf8(reveal(secret));
}
