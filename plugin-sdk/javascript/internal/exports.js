// From an author's definition to what the contract wants to be exported.

import { Blob } from "chancery:host/blobs@0.1.0";
import { all } from "chancery:host/config@0.1.0";

import { answer, guarded } from "./call.js";
import { toWire } from "./engine.js";
import { Internal, describe } from "./errors.js";
import { writeJson } from "./json.js";
import { isObject, kindOf, toBytes, toText } from "./text.js";

/** What prepare gives where there is nothing to build. */
const NOTHING = new Uint8Array();

/** How many bytes of an attachment are handed over at once. */
const MAX_PART = 1024 * 1024;

/** The longest time that the contract can say, in milliseconds. */
const MAX_MS = 0xffffffff;

export function lifecycle(definition) {
  const described = JSON.stringify({
    name: definition.name,
    version: definition.version,
    summary: definition.summary,
    config_schema: definition.configSchema ?? null,
  });
  return {
    describe: () => described,
    validateConfig: (config) =>
      guarded(toProblems, "validate", () => definition.validate?.(JSON.parse(config)), refuse),
    prepare: () => answer("prepare", () => definition.prepare?.(configuration()), toPrepared),
    health: () =>
      answer(
        "health",
        () => definition.health?.(configuration()),
        () => undefined,
      ),
  };
}

export function dataProvider(definition) {
  return {
    fetch: (request) => answer("fetch", () => definition.fetch(toRequest(request), configuration()), toData),
  };
}

export function vcIssuance(definition) {
  return {
    issue(request, holder) {
      const asked = () => definition.issue(toRequest(request), toHolder(holder), configuration());
      return answer("issue", asked, (value) => toIssuance("issue", value, request.format));
    },
    poll(request) {
      const asked = () => definition.poll(toPollRequest(request), configuration());
      return answer("poll", asked, (value) => toIssuance("poll", value));
    },
  };
}

export function audit(definition) {
  return {
    deliver: (batch) => answer("deliver", () => definition.deliver(batch.map(toEvent), configuration()), toReceipt),
  };
}

function configuration() {
  return JSON.parse(all());
}

// ---- what the host hands over ----

function toRequest(request) {
  return {
    ...request,
    subject: { id: request.subject.id, claims: JSON.parse(request.subject.claims) },
    settings: JSON.parse(request.settings),
    context: JSON.parse(request.context),
  };
}

function toPollRequest(request) {
  return { ...request, settings: JSON.parse(request.settings), context: JSON.parse(request.context) };
}

function toHolder(holder) {
  return {
    id: holder.id ?? undefined,
    proofType: holder.proofType ?? undefined,
    publicKeyJwk: holder.publicKeyJwk == null ? undefined : JSON.parse(holder.publicKeyJwk),
  };
}

function toEvent(event) {
  const numbers = { sequence: Number(event.sequence), atUnixMs: Number(event.atUnixMs) };
  return { ...event, ...numbers, issuerId: event.issuerId ?? undefined, detail: JSON.parse(event.detail) };
}

// ---- what the author answers ----

function refuse(problems) {
  if (problems === undefined || problems === null) return undefined;
  if (!Array.isArray(problems)) {
    throw wrong("validate", problems, "an array of { path, message }, empty where nothing is wrong");
  }
  const faults = problems.map((problem) => {
    if (!isObject(problem) || typeof problem.path !== "string" || typeof problem.message !== "string") {
      throw wrong("validate", problem, "problems { path, message } of two texts");
    }
    return { path: problem.path.toWellFormed(), message: problem.message.toWellFormed() };
  });
  if (faults.length > 0) throw new Problems(faults);
  return undefined;
}

/** What validate answered, on its way out. */
class Problems extends Error {
  constructor(faults) {
    super("the configuration is not valid");
    this.faults = faults;
  }
}

function toProblems(thrown) {
  if (thrown instanceof Problems) return thrown.faults;
  return [{ path: "", message: `the plugin could not check it: ${describe(thrown).toWellFormed()}` }];
}

function toPrepared(value) {
  if (value === undefined || value === null) return NOTHING;
  if (typeof value === "string" || value instanceof Uint8Array) return toBytes(value, "prepare");
  throw wrong("prepare", value, "a Uint8Array or a text, or nothing");
}

function toData(value) {
  members("fetch", value, ["claims", "attachments", "validUntil"], "{ claims, attachments?, validUntil? }");
  const { claims, attachments = [], validUntil } = value;
  if (!isObject(claims)) throw wrong("claims of what fetch", claims, "an object");
  if (!Array.isArray(attachments)) throw wrong("attachments of what fetch", attachments, "an array");
  return {
    claims: writeJson("claims", claims),
    attachments: attachments.map(toAttachment),
    validUntil: validUntil == null ? undefined : toWire(seconds(validUntil)),
  };
}

function toAttachment(attachment) {
  members("an attachment of what fetch", attachment, ["name", "mediaType", "bytes"], "{ name, mediaType, bytes }");
  const content = new Blob(toText(attachment.mediaType, "an attachment's mediaType"));
  const bytes = toBytes(attachment.bytes, "an attachment's bytes");
  try {
    // In parts: the engine makes a copy of each on its way.
    if (bytes.length <= MAX_PART) content.append(bytes);
    else for (let at = 0; at < bytes.length; at += MAX_PART) content.append(bytes.subarray(at, at + MAX_PART));
  } catch (thrown) {
    if (thrown?.payload === undefined) throw thrown;
    const detail = `the attachments of one call may hold ${thrown.payload.val} bytes (blobs of [limits])`;
    throw new Internal("The data is too large.", { detail });
  }
  return { name: toText(attachment.name, "an attachment's name"), content };
}

function seconds(validUntil) {
  const value = validUntil instanceof Date ? Math.floor(validUntil.getTime() / 1000) : validUntil;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong("validUntil of what fetch", validUntil, "a Date, or whole seconds since 1970");
}

function toIssuance(name, value, asked) {
  const shape = "{ issued: { body, … } } or { pending: { token, retryAfterMs } }";
  members(name, value, ["issued", "pending"], shape);
  const { issued, pending } = value;
  if ((issued === undefined) === (pending === undefined)) throw wrong(name, value, shape);
  return issued === undefined
    ? { tag: "pending", val: toTicket(name, pending) }
    : { tag: "issued", val: toCredential(name, issued, asked) };
}

function toCredential(name, issued, asked) {
  const what = `issued of what ${name}`;
  members(what, issued, ["format", "body", "externalId", "metadata"], "{ format?, body, externalId?, metadata? }");
  const { format = asked, body, externalId, metadata = {} } = issued;
  if (!isObject(metadata)) throw wrong(`metadata of ${what}`, metadata, "an object");
  return {
    format: toText(format, `format of ${what}`),
    body: toBytes(body, `body of ${what}`),
    externalId: externalId == null ? undefined : toText(externalId, `externalId of ${what}`),
    metadata: writeJson("metadata", metadata),
  };
}

function toTicket(name, pending) {
  const what = `pending of what ${name}`;
  members(what, pending, ["token", "retryAfterMs"], "{ token, retryAfterMs }");
  const { token, retryAfterMs } = pending;
  if (typeof retryAfterMs !== "number" || !(retryAfterMs >= 0)) {
    throw wrong(`retryAfterMs of ${what}`, retryAfterMs, "a number of milliseconds");
  }
  return { token: toBytes(token, `token of ${what}`), retryAfterMs: Math.min(Math.ceil(retryAfterMs), MAX_MS) };
}

function toReceipt(value) {
  members("deliver", value, ["delivered", "rejected"], "{ delivered: [id, …], rejected: [{ id, reason }, …] }");
  const { delivered = [], rejected = [] } = value;
  if (!Array.isArray(delivered)) throw wrong("delivered of what deliver", delivered, "an array of ids");
  if (!Array.isArray(rejected)) throw wrong("rejected of what deliver", rejected, "an array of { id, reason }");
  return {
    delivered: delivered.map((id) => toText(id, "an id in delivered")),
    rejected: rejected.map((rejection) => {
      members("a rejection of what deliver", rejection, ["id", "reason"], "{ id, reason }");
      return { id: toText(rejection.id, "a rejection's id"), reason: toText(rejection.reason, "a rejection's reason") };
    }),
  };
}

/** Checks that a value is an object that has no other members than these. */
function members(what, value, known, expected) {
  if (!isObject(value)) throw wrong(what, value, expected);
  for (const name in value) {
    if (known.includes(name)) continue;
    const unknown = Object.keys(value).filter((other) => !known.includes(other));
    throw wrong(what, value, expected, ` with ${unknown.slice(0, 5).join(", ")}`);
  }
}

function wrong(what, value, expected, more = "") {
  return new TypeError(`${what} returned must be ${expected}; it is ${kindOf(value)}${more}`);
}
