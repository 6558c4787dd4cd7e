// {{ title }}: takes audit events to {{ "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" }}.
//
// By default each call has a fresh sandbox; an operator may let calls of one issuer share one. Rely on neither: keep
// nothing in memory between calls. Events come in order, each at least once.

import { defineAuditSink, eventJson, log, pointer{{ ", Unavailable" if wants.http }} } from "chancery";
{% if wants.http %}
import { checkUrl, post } from "chancery/http";
{% endif %}
{% if wants.journal %}
import * as journal from "chancery/journal";
{% endif %}
{% if wants.http %}

/** For one request. The whole call has 5 s, unless the grant file says otherwise. */
const TIMEOUT_MS = 3000;
{% endif %}

// The host calls what is exported here.
export const { lifecycle, audit } = defineAuditSink({
  name: "{{ name }}",
  version: "0.1.0",
  summary: "Takes audit events to {{ "a file and to a collector" if wants.journal and wants.http else "a collector" if wants.http else "a file" }}.",

  /** Checks the `[config]` of the grant file. All faults at once: the operator mends them in one go. */
  validate(config) {
{% if wants.http %}
    const problems = Object.keys(config)
      .filter((name) => name !== "collector")
      .map((name) => ({ path: pointer(name), message: "there is no such setting" }));
    if (checkUrl(config.collector) !== undefined) {
      const message = "must be the collector's URL, such as https://collector.example.org/events";
      problems.push({ path: "/collector", message });
    }
    return problems;
{% else %}
    // There is nothing to configure.
    return Object.keys(config).map((name) => ({ path: pointer(name), message: "there is no such setting" }));
{% endif %}
  },
{% if wants.journal %}

  /** The host asks before it lets the plugin serve. */
  health() {
    journal.size();
  },
{% endif %}

  deliver(events{{ ", config" if wants.http }}) {
{% if wants.journal %}
{% if wants.http %}
    // After an error the whole batch comes again, to the file too: readers know events by `id`.
{% endif %}
    // One JSON object a line: line breaks inside of values are escaped in JSON.
    append(events.map((event) => `${JSON.stringify(eventJson(event))}\n`).join(""));
{% endif %}
{% if wants.http %}
    const response = post(config.collector, { json: events.map(eventJson), timeoutMs: TIMEOUT_MS });
    log.info("delivered", { events: events.length, status: response.status });
    return receipt(response, events);
{% else %}
    log.info("delivered", { events: events.length });
    // What is not named here, and everything after an error, is delivered again.
    return { delivered: events.map((event) => event.id) };
{% endif %}
  },
});
{% if wants.journal %}

/** Writes all lines or none. They are on disk when this returns. */
function append(lines) {
  try {
    journal.append(lines);
  } catch (error) {
    if (!(error instanceof journal.JournalError) || error.code !== "full") throw error;
    // The file has its full size: the next one begins.
    journal.rotate();
    journal.append(lines);
  }
}
{% endif %}
{% if wants.http %}

/** What the collector's answer means for the events. */
function receipt(response, events) {
  const { status } = response;
  if (response.ok) return { delivered: events.map((event) => event.id) };
  if (status >= 400 && status < 500 && status !== 429) {
    // Repeating them would not help. The operator reads why.
    return { rejected: events.map((event) => ({ id: event.id, reason: `the collector answered ${status}` })) };
  }
  throw new Unavailable("The collector does not answer at the moment.", { detail: `it answered ${status}` });
}
{% endif %}
