// HTTP within the grant. http.d.ts is the reference.

import { duringCall } from "./internal/call.js";
import { InvalidRequest } from "./internal/errors.js";
import { HttpError, refused } from "./internal/http-error.js";
import { readJson, writeJson } from "./internal/json.js";
import { exchange } from "./internal/wire.js";
import { parseUrl } from "./internal/url.js";
import { decodeUtf8, isObject, kindOf, toBytes, toText } from "./internal/text.js";
import { remainingMs, traceparent } from "chancery:host/trace@0.1.0";

export { HttpError };

/** What is left for the plugin itself when no answer came, in milliseconds. */
const RESERVE_MS = 100;

const OPTIONS = ["headers", "body", "json", "timeoutMs", "traced"];

/** A response, read to its end. */
class Response {
  constructor(status, headers, body) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  header(name) {
    const wanted = name.toLowerCase();
    return this.headers.find(([known]) => known.toLowerCase() === wanted)?.[1];
  }

  text() {
    return decodeUtf8(this.body);
  }

  json() {
    const type = (this.header("content-type") ?? "").split(";")[0].trim().toLowerCase();
    if (type !== "application/json" && !/^application\/.*\+json$/.test(type)) {
      throw new HttpError("protocol", `the content type is ${JSON.stringify(type.slice(0, 100))}, not JSON`);
    }
    return readJson(this.body, (reason) => new HttpError("protocol", `the body is not JSON: ${reason}`));
  }

  retryAfterMs() {
    const value = this.header("retry-after")?.trim() ?? "";
    if (/^\d+$/.test(value)) return Number(value) * 1000;
    const at = / GMT$/.test(value) ? Date.parse(value) : NaN;
    return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
  }
}

export function request(method, url, options = {}) {
  duringCall("chancery/http");
  if (!isObject(options))
    throw new TypeError(`the options of a request must be an object; they are ${kindOf(options)}`);
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`a request has no option ${unknown}; there are ${OPTIONS.join(", ")}`);
  }
  const { headers, body } = contents(options);
  const timeoutMs = options.timeoutMs ?? Math.max(1, remainingMs() - RESERVE_MS);
  const answer = exchange({ method: toText(method, "the method"), url: parsed(url), headers, body, timeoutMs });
  return new Response(answer.status, answer.headers, answer.body);
}

export function get(url, options) {
  return request("GET", url, options);
}

export function post(url, options) {
  return request("POST", url, options);
}

export function segment(value) {
  const text = toText(value, "a segment of a URL's path");
  if (text === "" || text === "." || text === "..") {
    const detail = `${JSON.stringify(text)} cannot be a segment of a URL's path`;
    throw new InvalidRequest("This identifier cannot be looked up.", { detail });
  }
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function checkUrl(url) {
  try {
    parseUrl(url);
    return undefined;
  } catch (fault) {
    return fault.message;
  }
}

function parsed(url) {
  try {
    return parseUrl(url);
  } catch (fault) {
    throw refused(fault.message);
  }
}

function contents({ headers = {}, body, json, traced = true }) {
  const lines = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), toText(value, `header ${name}`)]);
  const parent = traced ? traceparent() : undefined;
  if (parent != null) lines.push(["traceparent", parent]);
  if (json === undefined) return { headers: lines, body: body === undefined ? undefined : toBytes(body, "a body") };
  if (body !== undefined) throw new TypeError("a request has either `body` or `json`");
  if (!lines.some(([name]) => name === "content-type")) lines.push(["content-type", "application/json"]);
  return { headers: lines, body: toBytes(writeJson("json", json), "a JSON body") };
}
