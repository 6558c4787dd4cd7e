// Why there is no response.

import { PluginError } from "./errors.js";

/** What each kind of failure is called, and what it says to the operator. */
const KINDS = {
  denied:
    "the grant does not allow this destination (allow, networks of [grants.http]), or the call has used up " +
    "http_requests of [limits]",
  dns: "the name cannot be resolved",
  connection: "no connection",
  "connection-timeout": "no connection in time",
  "response-timeout": "no answer in time",
  tls: "no secure connection",
  "request-too-large": "the request exceeds request_max of [grants.http]",
  "response-too-large": "the answer exceeds response_max of [grants.http]",
  "bad-request": "the request cannot be sent",
  protocol: "the answer cannot be understood",
  internal: "the host cannot send requests",
};

const MAY_PASS = ["dns", "connection", "connection-timeout", "response-timeout", "protocol", "internal"];

/** The codes of wasi:http by kind; what is not here is `internal`. */
const CODES = {
  denied: ["http-request-denied", "destination-ip-prohibited"],
  dns: ["dns-timeout", "dns-error", "destination-not-found"],
  connection: [
    "destination-unavailable",
    "destination-ip-unroutable",
    "connection-refused",
    "connection-terminated",
    "connection-limit-reached",
  ],
  "connection-timeout": ["connection-timeout"],
  "response-timeout": ["connection-read-timeout", "connection-write-timeout", "http-response-timeout"],
  tls: ["tls-protocol-error", "tls-certificate-error", "tls-alert-received"],
  "request-too-large": [
    "http-request-body-size",
    "http-request-uri-too-long",
    "http-request-header-section-size",
    "http-request-header-size",
    "http-request-trailer-section-size",
    "http-request-trailer-size",
  ],
  "bad-request": ["http-request-length-required", "http-request-method-invalid", "http-request-uri-invalid"],
  "response-too-large": [
    "http-response-body-size",
    "http-response-header-section-size",
    "http-response-header-size",
    "http-response-trailer-section-size",
    "http-response-trailer-size",
  ],
  protocol: [
    "http-response-incomplete",
    "http-response-transfer-coding",
    "http-response-content-coding",
    "http-upgrade-failed",
    "http-protocol-error",
  ],
};

/** A request without a response. */
export class HttpError extends PluginError {
  constructor(code, more = "") {
    super(tagOf(code), messageOf(code), { detail: more === "" ? KINDS[code] : `${KINDS[code]}: ${more}` });
    this.code = code;
  }

  get mayPass() {
    return MAY_PASS.includes(this.code);
  }
}

/** A request that cannot be sent as it is. */
export function refused(reason) {
  return new HttpError("bad-request", reason);
}

/** The error for a code of wasi:http. */
export function fromCode(code) {
  const name = code.tag.toLowerCase();
  const kind = Object.keys(CODES).find((candidate) => CODES[candidate].includes(name)) ?? "internal";
  const size = name.endsWith("-body-size") && code.val != null ? `${code.val} bytes` : undefined;
  const reason = name === "internal-error" ? (code.val ?? "") : (size ?? name);
  return new HttpError(kind, reason);
}

function tagOf(code) {
  if (MAY_PASS.includes(code)) return "unavailable";
  return code === "bad-request" ? "internal" : "misconfigured";
}

function messageOf(code) {
  return MAY_PASS.includes(code) ? "The data source does not answer at the moment." : "The data source cannot be used.";
}
