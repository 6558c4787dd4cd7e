/**
 * Plugins for Chancery.
 *
 * A plugin exports what one of the `define…` functions returns:
 *
 * ```js
 * import { defineDataProvider, NotFound } from "chancery";
 *
 * export const { lifecycle, dataProvider } = defineDataProvider({
 *   name: "people",
 *   version: "0.1.0",
 *   summary: "Tells what the grant file knows about a person.",
 *   fetch(request, config) {
 *     const person = config[request.subject.id];
 *     if (person === undefined) throw new NotFound("This person is not registered.");
 *     return { claims: person };
 *   },
 * });
 * ```
 *
 * By default every call has a fresh sandbox; an operator may let calls of one issuer share one. Rely on neither: what
 * is kept in memory may be gone in the next call, and may still be there. The top level of the modules runs once, while
 * the plugin is built.
 *
 * All functions are synchronous. With the engine StarlingMonkey, and only there, a plugin's functions may be `async`.
 */

/// <reference path="./globals.d.ts" />

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A JSON object. */
export type JsonObject = { [name: string]: Json };

/**
 * The `[config]` table of the operator's grant file. Its members are what the operator wrote there: check them in
 * `validate`, and every other function may rely on it. TypeScript authors name the type that `validate` accepts:
 * `defineDataProvider<{ registry: string }>({ … })`.
 */
export type Config = JsonObject;

/** What a plugin's function may answer: a value, or with StarlingMonkey a promise of it. */
export type Answer<T> = T | Promise<T>;

// ---- what every plugin has ----

/** A fault in the operator's configuration. */
export interface ConfigProblem {
  /** Where, as a JSON pointer into the configuration (`/mapping/dob`, see {@link pointer}); empty for the whole. */
  path: string;
  /** What is wrong, and what would be right. The operator reads it. */
  message: string;
}

/** What plugins of all kinds say of themselves, and what the host asks before they serve. */
export interface Lifecycle<C> {
  /** The plugin's name. */
  name: string;
  /** The plugin's own version, such as `1.0.0`. */
  version: string;
  /** One sentence for operators. */
  summary: string;
  /** A JSON Schema for `[config]`. */
  configSchema?: object;
  /**
   * Checks the operator's configuration, `{}` where there is none, and answers all faults at once; an empty array, or
   * nothing, accepts it. Without this function every configuration is accepted.
   */
  validate?(config: JsonObject): Answer<ConfigProblem[] | void>;
  /**
   * Builds what every later call may read through {@link prepared}: an index, a table. Runs once for each combination
   * of component, grant file and granted files, with more time and memory than other calls.
   */
  prepare?(config: C): Answer<Uint8Array | string | void>;
  /** Whether the plugin could serve now. Throws where it could not. */
  health?(config: C): Answer<void>;
}

/** What the host calls of every plugin. Made by the `define…` functions. */
export interface LifecycleExports {
  describe(): string;
  validateConfig(config: string): Answer<void>;
  prepare(): Answer<Uint8Array>;
  health(): Answer<void>;
}

/** The person or thing that a credential is about, as the authorization established it. */
export interface Subject {
  /** The identifier that the authorization server vouched for, or that the offer named. Never empty. */
  id: string;
  /** The token's claims, or those of the offer. */
  claims: JsonObject;
}

/** One request. */
export interface Request {
  /** Names this request in every log and in the answer to the client. */
  requestId: string;
  /** The issuer that the credential will be issued by. */
  issuerId: string;
  /** OpenID4VCI `credential_configuration_id`. */
  configurationId: string;
  /** OpenID4VCI format identifier: `dc+sd-jwt`, `ldp_vc`, `jwt_vc_json`, `mso_mdoc`, … */
  format: string;
  /** Whom the credential is about. */
  subject: Subject;
  /** Paths of the claims that are wanted, from the outside in; empty means all. A hint: more is allowed. */
  requestedClaims: string[][];
  /** BCP 47 language tags, best first. */
  locales: string[];
  /** The credential configuration's settings for this plugin. */
  settings: JsonObject;
  /** Everything else that the host tells. Unknown members are to be ignored. */
  context: JsonObject;
  /** Wall-clock time for this call in milliseconds, waiting for sources included. */
  budgetMs: number;
}

// ---- data providers ----

/** A value that is too large for the claims: a photograph, a document. */
export interface Attachment {
  /** The name by which templates refer to it (`data.<name>`); none of the claims' names. */
  name: string;
  /** An IANA media type such as `image/jpeg`. */
  mediaType: string;
  /** All attachments of one call together may hold 16 MiB by default. */
  bytes: Uint8Array;
}

/** What the source knows about the subject. */
export interface Data {
  /**
   * The `data` of the credential configuration's template: what JSON can say. Decimals are texts, and so are whole
   * numbers beyond 2^53. At most 32 levels and 2 MiB by default. Members that are undefined are left out, and what has
   * a `toJSON`, as a Date has, is what that answers. Anything else that JSON does not have is an error that names the
   * place, such as `claims.height is not a finite number`: NaN, infinities, BigInts, functions, Maps, Sets, bytes.
   */
  claims: object;
  /** Values by handle. */
  attachments?: Attachment[];
  /**
   * Until when the source vouches for the data, a Date or whole seconds since 1970; the credential's validity does not
   * go beyond it.
   */
  validUntil?: Date | number;
}

/** A plugin that gives raw data about a subject, which the host turns into a credential and signs. */
export interface DataProvider<C = Config> extends Lifecycle<C> {
  /**
   * Looks up the subject of the request. Read-only and repeatable: the host may ask again. Throws {@link NotFound} and
   * the other errors of this module.
   */
  fetch(request: Request, config: C): Answer<Data>;
}

/** Makes the exports of a data provider. */
export function defineDataProvider<C = Config>(
  definition: DataProvider<C>,
): { lifecycle: LifecycleExports; dataProvider: object };

// ---- issuers of finished credentials ----

/** Whom the credential is to be bound to, from a key proof that the host checked. */
export interface Holder {
  /** The holder's DID URL where the proof used one. */
  id?: string;
  /** OpenID4VCI proof type. Absent where no proof was asked for. */
  proofType?: string;
  /** The holder's public key. Absent where no proof was asked for. */
  publicKeyJwk?: JsonObject;
}

/** A signed credential. */
export interface Issued {
  /** OpenID4VCI format identifier of `body`. `issue` takes the one that was asked for; `poll` has to name it. */
  format?: string;
  /** The credential as it goes to the wallet, byte for byte. */
  body: Uint8Array | string;
  /** The other issuer's name for it. */
  externalId?: string;
  /** For the host's record: `issuer`, `valid_from`, `valid_until`. What JSON can say, as for claims. */
  metadata?: object;
}

/** A promise of a credential that is not ready. */
export interface Ticket {
  /** Whatever `poll` needs to go on: it cannot rely on anything else. The host keeps it sealed. At most 16 KiB. */
  token: Uint8Array | string;
  /** When to ask again, in milliseconds from now. */
  retryAfterMs: number;
}

/** Where an issuance stands. */
export type Issuance = { issued: Issued; pending?: undefined } | { pending: Ticket; issued?: undefined };

/** A later question about a ticket. */
export interface PollRequest {
  /** Names this request in every log. */
  requestId: string;
  /** The issuer of the original request. */
  issuerId: string;
  /** The credential configuration of the original request. */
  configurationId: string;
  /** That configuration's settings for this plugin. */
  settings: JsonObject;
  /** The token of the latest ticket. */
  token: Uint8Array;
  /** Everything else that the host tells. Unknown members are to be ignored. */
  context: JsonObject;
  /** Wall-clock time for this call in milliseconds. */
  budgetMs: number;
}

/** A plugin that gets finished credentials from another issuer; the host verifies them and passes them on. */
export interface VcIssuer<C = Config> extends Lifecycle<C> {
  /** Starts an issuance. The host never repeats it with the same request id after an answer. */
  issue(request: Request, holder: Holder, config: C): Answer<Issuance>;
  /** Continues a pending issuance. May be repeated: the same token must not issue twice. */
  poll(request: PollRequest, config: C): Answer<Issuance>;
}

/** Makes the exports of an issuer of finished credentials. */
export function defineVcIssuer<C = Config>(
  definition: VcIssuer<C>,
): { lifecycle: LifecycleExports; vcIssuance: object };

// ---- audit sinks ----

/** One security-relevant action. */
export interface Event {
  /** Unique; the same event keeps its id however often it is delivered. */
  id: string;
  /** Position in the sealed order of all events. */
  sequence: number;
  /** When, in milliseconds since 1970-01-01T00:00:00Z. */
  atUnixMs: number;
  /** The issuer it belongs to; absent for actions of the whole server. */
  issuerId?: string;
  /** What was done, such as `credential.issue`. */
  action: string;
  /** How it ended. */
  outcome: "succeeded" | "denied" | "failed";
  /** Who did it: a client id, an administrator's id, `system`. */
  actor: string;
  /** What it was done to: an id. Subjects appear only as a keyed hash. */
  object: string;
  /** The request it belongs to; empty where there was none. */
  requestId: string;
  /** Reason, plugin digest and the rest. */
  detail: JsonObject;
}

/** What became of a batch. What it does not name is delivered again. */
export interface Receipt {
  /** Ids of the events that are kept safely now. */
  delivered?: string[];
  /** Events that repeating would not help. The operator reads the reason. */
  rejected?: { id: string; reason: string }[];
}

/** A plugin that takes audit events to where they are kept. */
export interface AuditSink<C = Config> extends Lifecycle<C> {
  /**
   * Delivers events in order, each at least once: `id` lets whoever reads them drop repetitions. At most 1,000 events.
   * After an error the whole batch is delivered again.
   */
  deliver(events: Event[], config: C): Answer<Receipt>;
}

/** Makes the exports of an audit sink. */
export function defineAuditSink<C = Config>(definition: AuditSink<C>): { lifecycle: LifecycleExports; audit: object };

/**
 * The event in the form that the sinks of Chancery itself write: `id`, `sequence`, `time` (RFC 3339), `issuer_id`,
 * `action`, `outcome`, `actor`, `object`, `request_id`, `detail`; null where there is none.
 */
export function eventJson(event: Event): JsonObject;

// ---- errors ----

/** What an error may carry besides its message. */
export interface ErrorOptions {
  /** For the operator's log only: the source's answer, a row number, a path. At most 4 KiB. */
  detail?: unknown;
  /** What it came from. Its text goes to the operator's log. */
  cause?: unknown;
}

/**
 * Why a call gave no result. Throw one of its subclasses. The message may be shown to the holder: no personal data, no
 * internals. What else is thrown is a defect of the plugin: the holder reads "The plugin failed.", and the operator's
 * log has its text and the lines of the plugin that it came through.
 */
export class PluginError extends Error {
  protected constructor(tag: string, message: string, options?: ErrorOptions);
  /** The contract's name of the case: `not-found`, … */
  readonly tag: string;
  /** The text that only the operator sees. */
  readonly detail?: string;
}

/** The source does not know this subject. Not a failure of the plugin. */
export class NotFound extends PluginError {
  constructor(message: string, options?: ErrorOptions);
}

/** The source knows the subject and refuses. Not a failure of the plugin. */
export class Denied extends PluginError {
  constructor(message: string, options?: ErrorOptions);
}

/** The request cannot be answered as it is: a claim is missing, a setting does not fit. */
export class InvalidRequest extends PluginError {
  constructor(message: string, options?: ErrorOptions);
}

/** The source does not answer now; trying again may help. */
export class Unavailable extends PluginError {
  constructor(message: string, options?: ErrorOptions & { retryAfterMs?: number });
  /** When another attempt makes sense. */
  readonly retryAfterMs?: number;
}

/** The operator has to change configuration, grant or source. */
export class Misconfigured extends PluginError {
  constructor(message: string, options?: ErrorOptions);
}

/** A defect of the plugin. */
export class Internal extends PluginError {
  constructor(message: string, options?: ErrorOptions);
}

/** JSON that is not taken, or a value that JSON does not have. Uncaught it is a defect of the plugin. */
export class JsonError extends PluginError {
  constructor(detail: string);
}

// ---- what needs no grant ----

/** Writes one line. `fields` are at most 32 names and values. */
export type LogFunction = (message: unknown, fields?: { [name: string]: unknown }) => void;

/**
 * The host's log. The host adds plugin, digest and request id. Personal data does not belong here. At most 64 lines and
 * 16 KiB a call by default; the rest is dropped. `console` writes here too.
 */
export const log: {
  trace: LogFunction;
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
};

/** The identity of the running call. */
export const trace: {
  /** The request id that the host logs and that the client gets; empty while no request is at hand. */
  requestId(): string;
  /** The W3C `traceparent` value for requests to a source. Absent when the host does not trace this call. */
  traceparent(): string | undefined;
  /** Milliseconds of wall-clock time left for this call. */
  remainingMs(): number;
};

/** Bytes on the host's side that are read in parts. */
export interface Readable {
  /** How many bytes there are. */
  size(): number;
  /** Up to `length` bytes from `offset`; fewer at the end, none beyond it. */
  read(offset: number, length: number): Uint8Array;
  /** All of it. Mind the memory. */
  bytes(): Uint8Array;
  /** All of it as UTF-8 text. */
  text(): string;
  /** All of it as JSON, read as by {@link parseJson}. */
  json(): any;
}

/**
 * Reads JSON that somebody else wrote. Refused are a name that stands twice in one object, numbers beyond 2^53, which
 * JavaScript rounds to another whole number, and more than 32 levels: the contract allows none of them in claims. The
 * error says what is wrong and where, and quotes nothing: it may be about a person. `json()` of a response,
 * `files.readJson`, `kv.getJson`, columns of the type JSON and {@link prepared} read like this.
 *
 * @throws {JsonError}
 */
export function parseJson(text: string): any;

/** What `prepare` returned; empty before it has returned and where it returned nothing. */
export const prepared: Readable;

/** A JSON pointer of these member names, for {@link ConfigProblem.path}. */
export function pointer(...names: (string | number)[]): string;
