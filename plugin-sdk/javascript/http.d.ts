/**
 * HTTP requests within the operator's grant, `[grants.http]`.
 *
 * Needs `import wasi:http/outgoing-handler@0.2.12;` in `wit/world.wit`. Headers that carry secrets are better added by
 * the host (`inject` of the grant): then the plugin never sees them.
 */

import { PluginError } from "./index.js";

/** What a request may carry. */
export interface RequestOptions {
  /** Names and values. Those that the grant injects, and those of the connection (`host`, …), are the host's. */
  headers?: { [name: string]: string };
  /** The body. */
  body?: Uint8Array | string;
  /** A JSON body, with its content type, in place of `body`. What JSON does not have is an error, as in claims. */
  json?: unknown;
  /** For the whole exchange; by default what is left of the call. The grant's own limit applies where it is shorter. */
  timeoutMs?: number;
  /** Whether the request carries the call's `traceparent`. True by default. */
  traced?: boolean;
}

/** A response, read to its end. */
export interface Response {
  readonly status: number;
  /** Whether the status is 2xx. */
  readonly ok: boolean;
  /** Names and values in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** The first header of this name, in whatever case. */
  header(name: string): string | undefined;
  /** The body as UTF-8 text. */
  text(): string;
  /**
   * The body as JSON, read as by `parseJson` of chancery. The content type must be `application/json` or end in
   * `+json`.
   *
   * @throws {HttpError} `protocol`: it is none, or none that is taken.
   */
  json(): any;
  /** What `Retry-After` says, in milliseconds; undefined where it says nothing that can be understood. */
  retryAfterMs(): number | undefined;
}

/** Why there is no response. */
export type HttpErrorCode =
  /** The grant does not allow the destination or what its name resolves to, or not so many requests. */
  | "denied"
  /** The name cannot be resolved. */
  | "dns"
  /** No connection, or it broke. */
  | "connection"
  /** No connection in time. */
  | "connection-timeout"
  /** No answer in time. */
  | "response-timeout"
  /** The other side is not who it should be, or its TLS does not fit the host's. */
  | "tls"
  /** The request exceeds the grant's `request_max`. */
  | "request-too-large"
  /** The answer exceeds the grant's `response_max`. */
  | "response-too-large"
  /** The request cannot be sent as it is: a header or the URL is not valid. */
  | "bad-request"
  /** What came back is not HTTP, or not what was expected of it. */
  | "protocol"
  /** The host could not do it. */
  | "internal";

/**
 * A request without a response. Uncaught it becomes the right error by itself: `unavailable` where it may pass,
 * `misconfigured` where the operator has to act, `internal` for `bad-request`.
 */
export class HttpError extends PluginError {
  constructor(code: HttpErrorCode, more?: string);
  readonly code: HttpErrorCode;
  /** Whether the same request may succeed a moment later. */
  readonly mayPass: boolean;
}

/**
 * Sends a request and reads the whole answer. A status such as 404 is no error.
 *
 * The URL is absolute, `https` or `http`, without user, fragment and dot segments; values in it are percent-encoded,
 * see {@link segment}.
 *
 * @throws {HttpError} There is no response.
 */
export function request(method: string, url: string, options?: RequestOptions): Response;

/** {@link request} with GET. */
export function get(url: string, options?: RequestOptions): Response;

/** {@link request} with POST. */
export function post(url: string, options?: RequestOptions): Response;

/**
 * A value as one segment of a URL's path, percent-encoded. In a query `encodeURIComponent` does it.
 *
 * @throws {InvalidRequest} It is empty, `.` or `..`, which no encoding makes a segment.
 */
export function segment(value: string): string;

/** What is wrong with a URL, for whoever wrote it; undefined where nothing is. For `validate`. */
export function checkUrl(url: unknown): string | undefined;
