// Plugins for Chancery. index.d.ts is the reference.

import "./internal/globals.js";

import { read as readPrepared, size as preparedSize } from "chancery:host/prepared@0.1.0";
import { remainingMs, requestId, traceparent } from "chancery:host/trace@0.1.0";

import { duringCall } from "./internal/call.js";
import { checked } from "./internal/definition.js";
import { audit, dataProvider, lifecycle, vcIssuance } from "./internal/exports.js";
import { JsonError } from "./internal/json.js";
import { write } from "./internal/log.js";
import { readable } from "./internal/readable.js";
import { fromWire, toWire } from "./internal/engine.js";

export {
  Denied,
  Internal,
  InvalidRequest,
  Misconfigured,
  NotFound,
  PluginError,
  Unavailable,
} from "./internal/errors.js";
export { JsonError, parseJson } from "./internal/json.js";

export function defineDataProvider(definition) {
  const provider = checked("defineDataProvider", definition, ["fetch"]);
  return { lifecycle: lifecycle(provider), dataProvider: dataProvider(provider) };
}

export function defineVcIssuer(definition) {
  const issuer = checked("defineVcIssuer", definition, ["issue", "poll"]);
  return { lifecycle: lifecycle(issuer), vcIssuance: vcIssuance(issuer) };
}

export function defineAuditSink(definition) {
  const sink = checked("defineAuditSink", definition, ["deliver"]);
  return { lifecycle: lifecycle(sink), audit: audit(sink) };
}

export const log = {
  trace: (message, fields) => write("trace", message, fields),
  debug: (message, fields) => write("debug", message, fields),
  info: (message, fields) => write("info", message, fields),
  warn: (message, fields) => write("warn", message, fields),
  error: (message, fields) => write("error", message, fields),
};

export const trace = {
  requestId() {
    duringCall("trace.requestId");
    return requestId();
  },
  traceparent() {
    duringCall("trace.traceparent");
    return traceparent() ?? undefined;
  },
  remainingMs() {
    duringCall("trace.remainingMs");
    return remainingMs();
  },
};

export const prepared = readable(
  "prepared",
  { size: () => fromWire(preparedSize()), read: (offset, length) => readPrepared(toWire(offset), length) },
  (reason) => new JsonError(`what prepare returned cannot be read as JSON: ${reason}`),
);

export function pointer(...names) {
  return names.map((name) => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

export function eventJson(event) {
  return {
    id: event.id,
    sequence: event.sequence,
    time: new Date(event.atUnixMs).toISOString(),
    issuer_id: event.issuerId ?? null,
    action: event.action,
    outcome: event.outcome,
    actor: event.actor,
    object: event.object,
    request_id: event.requestId || null,
    detail: event.detail,
  };
}
