// The way to wasi:http and back.

import { now, subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.12";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions, httpErrorCode } from "wasi:http/types@0.2.12";
import { poll } from "wasi:io/poll@0.2.12";

import { fromWire, toWire } from "./engine.js";
import { HttpError, fromCode, refused } from "./http-error.js";
import { encodeUtf8 } from "./text.js";

/** How much is read or written at once. */
const CHUNK = 64 * 1024;

const NS_PER_MS = 1_000_000;

/** A limit beyond which there is none: the host has its own. */
const MAX_TIMEOUT_MS = 3_600_000;

/** Methods that wasi:http knows by name. */
const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];

const HEADER_FAULTS = {
  "invalid-syntax": "a header is not valid",
  forbidden: "a header may not be set by plugins",
  immutable: "the headers are fixed",
};

/** Sends a request and reads the whole answer. */
export function exchange({ method, url, headers, body, timeoutMs }) {
  const limit = Math.min(Math.max(Number(timeoutMs) || 1, 1), MAX_TIMEOUT_MS) * NS_PER_MS;
  const deadline = fromWire(now()) + limit;
  const outgoing = newRequest(method, url, headers);
  const outgoingBody = outgoing.body();
  const future = attempt(() => handle(outgoing, options(limit)), fromCode);
  write(outgoingBody, body, deadline);
  const response = wait(future, deadline);
  const fields = response.headers();
  const lines = fields.entries().map(([name, value]) => [name, latin1(value)]);
  dispose(fields);
  return { status: response.status(), headers: lines, body: read(response, deadline) };
}

function newRequest(method, { https, authority, pathWithQuery }, headers) {
  const lines = headers.map(([name, value]) => [name, encodeUtf8(value)]);
  const fields = attempt(
    () => Fields.fromList(lines),
    (fault) => refused(HEADER_FAULTS[fault.tag] ?? fault.tag),
  );
  const outgoing = new OutgoingRequest(fields);
  const name = method.toLowerCase();
  attempt(
    () => {
      outgoing.setMethod(METHODS.includes(name) ? { tag: name } : { tag: "other", val: method });
      outgoing.setScheme({ tag: https ? "HTTPS" : "HTTP" });
      outgoing.setAuthority(authority);
      outgoing.setPathWithQuery(pathWithQuery);
    },
    () => refused("the method or the URL is not valid"),
  );
  return outgoing;
}

function options(limit) {
  const chosen = new RequestOptions();
  const value = toWire(Math.round(limit));
  chosen.setConnectTimeout(value);
  chosen.setFirstByteTimeout(value);
  chosen.setBetweenBytesTimeout(value);
  return chosen;
}

function write(body, bytes, deadline) {
  if (bytes !== undefined && !writeAll(body, bytes, deadline)) return;
  attempt(() => OutgoingBody.finish(body, undefined), fromCode);
}

/** False where the other side takes no more: its answer, or the host's, tells why. */
function writeAll(body, bytes, deadline) {
  const stream = body.write();
  try {
    for (let at = 0; at < bytes.length;) {
      const room = fromWire(stream.checkWrite());
      if (room === 0) {
        pause(stream, deadline);
        continue;
      }
      const end = Math.min(bytes.length, at + Math.min(room, CHUNK));
      stream.write(bytes.subarray(at, end));
      at = end;
    }
    return true;
  } catch (thrown) {
    if (thrown?.payload === undefined) throw thrown;
    return false;
  } finally {
    dispose(stream);
  }
}

function wait(future, deadline) {
  for (;;) {
    const outcome = future.get();
    if (outcome == null) {
      pause(future, deadline);
      continue;
    }
    if (outcome.tag !== "ok") throw new HttpError("internal", "the response was taken before");
    if (outcome.val.tag !== "ok") throw fromCode(outcome.val.val);
    return outcome.val.val;
  }
}

function read(response, deadline) {
  const body = response.consume();
  const stream = body.stream();
  const parts = [];
  try {
    for (;;) {
      const part = stream.read(toWire(CHUNK));
      if (part.length === 0) pause(stream, deadline);
      else parts.push(part);
    }
  } catch (thrown) {
    if (thrown?.payload === undefined) throw thrown;
    if (thrown.payload.tag !== "closed") throw broken(thrown.payload.val);
    return joined(parts);
  } finally {
    dispose(stream);
    dispose(body);
  }
}

function broken(error) {
  const code = httpErrorCode(error);
  return code == null ? new HttpError("connection", error.toDebugString()) : fromCode(code);
}

/** Waits until something can go on, or gives up. */
function pause(source, deadline) {
  const left = Math.max(0, Math.round(deadline - fromWire(now())));
  const ready = source.subscribe();
  const timer = subscribeDuration(toWire(left));
  const woken = Array.from(poll([ready, timer]));
  dispose(ready);
  dispose(timer);
  if (!woken.includes(0)) throw new HttpError("response-timeout");
}

function attempt(run, toError) {
  try {
    return run();
  } catch (thrown) {
    // A result without a payload has nothing to say but that it failed.
    if (thrown instanceof HttpError || !("payload" in Object(thrown))) throw thrown;
    throw toError(thrown.payload);
  }
}

/** Children go before what they belong to: the host ends a call that has it the other way round. */
function dispose(resource) {
  resource[Symbol.dispose ?? Symbol.for("dispose")]?.();
}

function latin1(bytes) {
  return String.fromCharCode.apply(null, bytes);
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
