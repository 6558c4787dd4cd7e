{% set source = "sql" if wants.sql else "http" if wants.http else "files" if wants.files else "config" %}
// {{ title }}: what {{ {"sql": "a database", "http": "a registry", "files": "a file", "config": "the grant file"}[source] }} knows about a person.
//
// By default each call has a fresh sandbox; an operator may let calls of one issuer share one. Rely on neither: keep
// nothing in memory between calls. What stands outside of functions runs once, when the plugin is built.

import { {{ "type ConfigProblem, " if source != "config" }}defineDataProvider, type JsonObject, log, NotFound, pointer{{ ", Unavailable" if source == "http" }} } from "chancery";
{% if source == "files" %}
import * as files from "chancery/files";
{% endif %}
{% if source == "http" %}
import { checkUrl, get, segment } from "chancery/http";
{% endif %}
{% if wants.kv %}
import * as kv from "chancery/kv";
{% endif %}
{% if wants.reveal %}
import { {{ "revealText" if source == "http" else "reveal" }} } from "chancery/reveal";
{% endif %}
{% if wants.secrets or wants.reveal %}
import * as secrets from "chancery/secrets";
{% endif %}
{% if wants.sign %}
import * as sign from "chancery/sign";
{% endif %}
{% if source == "sql" %}
import * as sql from "chancery/sql";
{% endif %}
{% if source == "http" %}

/** The `[config]` of the grant file, as `validate` accepts it. */
type Config = {
  /** The registry's address, such as `https://registry.example.org`. */
  registry: string;
};

/** For one request. The whole call has 5 s, unless the grant file says otherwise. */
const TIMEOUT_MS = 3000;
{% endif %}
{% if wants.kv %}

/** How long the cache keeps a person. */
const KEPT_MS = 60_000;
{% endif %}

{% if source == "config" %}
/** The `[config]` of the grant file, as `validate` accepts it: people by their ids. */
type Config = { [id: string]: JsonObject };

{% endif %}
// The host calls what is exported here.
export const { lifecycle, dataProvider } = defineDataProvider{{ "<Config>" if source in ["http", "config"] }}({
  name: "{{ name }}",
  version: "0.1.0",
  summary: "Tells what {{ {"sql": "a database", "http": "a registry", "files": "a file", "config": "the grant file"}[source] }} knows about a person.",

  /** Checks the `[config]` of the grant file. All faults at once: the operator mends them in one go. */
  validate(config) {
{% if source == "config" %}
    return Object.entries(config)
      .filter(([, person]) => typeof (person as JsonObject | null)?.given_name !== "string")
      .map(([id]) => ({ path: pointer(id), message: "must be a table with at least given_name" }));
{% elif source == "http" %}
    const problems = unknown(config, ["registry"]);
    if (checkUrl(config.registry) !== undefined) {
      const message = "must be the registry's base URL, such as https://registry.example.org";
      problems.push({ path: "/registry", message });
    }
    return problems;
{% else %}
    // There is nothing to configure.
    return unknown(config, []);
{% endif %}
  },
{% if wants.secrets %}

  /** The host asks before it lets the plugin serve. */
  health() {
    secrets.get("registry-token");
  },
{% endif %}

  fetch({{ "request" if source != "sql" or wants.kv or wants.sign }}{{ ", config" if source in ["http", "config"] }}) {
{% if source != "sql" or wants.kv or wants.sign %}
    const id = request.subject.id;
{% endif %}
    const claims: JsonObject = {{ "remembered(id, () => " if wants.kv }}person({{ {"sql": "", "http": "id, config.registry", "files": "id", "config": "id, config"}[source] }}){{ ")" if wants.kv }};
{% if wants.sign and source != "http" %}
    // The key stays in the host.
    claims.assertion = sign.jwt("registry", { sub: id });
{% endif %}
{% if wants.reveal and source != "http" %}
    // The value is in the plugin now: never log it, never answer with it.
    claims.token_length = reveal(secrets.get("registry-token")).length;
{% endif %}
    // No personal data in logs.
    log.info("looked up", { source: "{{ source }}" });
    return { claims };
  },
});
{% if source == "sql" %}

/**
 * Runs the statement of the grant file. Whom it is about is filled in by the host there (`@subject.id`), so no
 * mistake in here can ask about somebody else.
 */
function person(): JsonObject {
  const row = sql.first("person_by_id");
  if (row === undefined) throw notRegistered();
  return { ...row, source: "sql" };
}
{% elif source == "http" %}

/** Asks the registry. No answer at all is an error of `get`, which says that the source is unavailable. */
function person(id: string, registry: string): JsonObject {
  // Whatever an id holds, it stays one segment of the path.
  const url = `${registry.replace(/\/+$/, "")}/people/${segment(id)}`;
  const headers: { [name: string]: string } = { accept: "application/json" };
{% if wants.sign %}
  // The key stays in the host.
  headers.authorization = `Bearer ${sign.jwt("registry", { sub: id })}`;
{% endif %}
{% if wants.reveal %}
  // The value is in the plugin now: never log it, never answer with it.
  headers["x-api-key"] = revealText(secrets.get("registry-token"));
{% endif %}
  const response = get(url, { headers, timeoutMs: TIMEOUT_MS });
  if (response.status === 404) throw notRegistered();
  if (response.status !== 200) throw unavailable(`it answered ${response.status}`);
  const claims: unknown = response.json();
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) {
    throw unavailable("its JSON is no object");
  }
  return { ...claims, source: "http" };
}

function unavailable(detail: string): Unavailable {
  return new Unavailable("The registry does not answer at the moment.", { detail });
}
{% elif source == "files" %}

/** Looks into the granted file: one JSON object, people by their ids. */
function person(id: string): JsonObject {
  const people: { [id: string]: JsonObject } = files.readJson("/people.json");
  if (!Object.hasOwn(people, id)) throw notRegistered();
  return { ...people[id], source: "files" };
}
{% else %}

/** Looks into the grant file: people by their ids. */
function person(id: string, people: Config): JsonObject {
  if (!Object.hasOwn(people, id)) throw notRegistered();
  return { ...people[id], source: "config" };
}
{% endif %}
{% if wants.kv %}

/** The person from the cache where it knows them. It may fail or forget: that costs time only. */
function remembered(id: string, look: () => JsonObject): JsonObject {
  const key = `person:${id}`;
  try {
    const kept: JsonObject | undefined = kv.getJson(key);
    if (kept !== undefined) return kept;
  } catch (error) {
    log.debug("the cache is no help", { error });
  }
  const claims = look();
  try {
    kv.putJson(key, claims, { ttlMs: KEPT_MS });
  } catch (error) {
    log.debug("not kept", { error });
  }
  return claims;
}
{% endif %}

function notRegistered(): NotFound {
  return new NotFound("This person is not registered.");
}
{% if source != "config" %}

/** A setting that nobody reads is a mistake of whoever wrote it. */
function unknown(config: JsonObject, known: string[]): ConfigProblem[] {
  return Object.keys(config)
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: pointer(name), message: "there is no such setting" }));
}
{% endif %}
