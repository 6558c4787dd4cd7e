// {{ title }}: gets credentials that another issuer makes and signs.
//
// By default each call has a fresh sandbox; an operator may let calls of one issuer share one. Rely on neither: keep
// nothing in memory between calls. The host verifies each credential before a wallet gets it.

import { defineVcIssuer, Denied, Internal, log, NotFound, pointer, Unavailable } from "chancery";
import { checkUrl, get, post, segment } from "chancery/http";
{% if wants.reveal %}
import { revealText } from "chancery/reveal";
{% endif %}
{% if wants.secrets or wants.reveal %}
import * as secrets from "chancery/secrets";
{% endif %}
{% if wants.sign %}
import * as sign from "chancery/sign";
{% endif %}

/** For one request. The whole call has 5 s, unless the grant file says otherwise. */
const TIMEOUT_MS = 3000;

/** When the host asks again, where the issuer does not say, and the latest that it may say. */
const RETRY_AFTER_SECONDS = 30;
const MAX_RETRY_AFTER_SECONDS = 86_400;

// The host calls what is exported here.
export const { lifecycle, vcIssuance } = defineVcIssuer({
  name: "{{ name }}",
  version: "0.1.0",
  summary: "Gets credentials from another issuer.",

  /** Checks the `[config]` of the grant file. All faults at once: the operator mends them in one go. */
  validate(config) {
    const problems = Object.keys(config)
      .filter((name) => name !== "issuer")
      .map((name) => ({ path: pointer(name), message: "there is no such setting" }));
    if (checkUrl(config.issuer) !== undefined) {
      const message = "must be the issuer's base URL, such as https://issuer.example.org";
      problems.push({ path: "/issuer", message });
    }
    return problems;
  },
{% if wants.secrets %}

  /** The host asks before it lets the plugin serve. */
  health() {
    secrets.get("registry-token");
  },
{% endif %}

  issue(request, holder, config) {
    const order = {
      configuration: request.configurationId,
      format: request.format,
      subject: request.subject.id,
      // Whom the credential is to be bound to; null where no proof was asked for.
      holder: holder.id ?? null,
      // The same for each repetition: nothing is issued twice.
      request_id: request.requestId,
    };
    const url = `${base(config)}/credentials`;
    const response = post(url, { json: order, headers: headers({{ "request.subject.id" if wants.sign }}), timeoutMs: TIMEOUT_MS });
    log.info("asked for", { status: response.status });
    return issuance(response, request.format);
  },

  /** Remembers nothing of `issue`: what it has to know stands in the token. */
  poll(request, config) {
    const { format, ticket } = readToken(request.token);
    const url = `${base(config)}/credentials/${segment(ticket)}`;
    const response = get(url, { headers: headers({{ "ticket" if wants.sign }}), timeoutMs: TIMEOUT_MS });
    log.info("asked again", { status: response.status });
    return issuance(response, format);
  },
});

function base(config) {
  return config.issuer.replace(/\/+$/, "");
}

{% if wants.sign %}
function headers(about) {
{% else %}
function headers() {
{% endif %}
  const headers = { accept: "*/*" };
{% if wants.sign %}
  // The key stays in the host.
  headers.authorization = `Bearer ${sign.jwt("registry", { sub: about })}`;
{% endif %}
{% if wants.reveal %}
  // The value is in the plugin now: never log it, never answer with it.
  headers["x-api-key"] = revealText(secrets.get("registry-token"));
{% endif %}
  return headers;
}

/** What the other issuer's answer means. */
function issuance(response, format) {
  const { status } = response;
  if (status === 200 || status === 201) {
    if (response.body.length === 0) throw unavailable(`its ${status} has no body`);
    return { issued: { format, body: response.body } };
  }
  if (status === 202) {
    const answer = response.json();
    const ticket = answer?.ticket;
    if (typeof ticket !== "string" || ticket === "") throw unavailable("its 202 has no ticket");
    return { pending: { token: writeToken(format, ticket), retryAfterMs: seconds(answer?.retry_after) * 1000 } };
  }
  if (status === 404) throw new NotFound("This person is not registered.");
  if (status >= 400 && status < 500 && status !== 429) {
    throw new Denied("The issuer does not issue this credential.", { detail: `it answered ${status}` });
  }
  throw unavailable(`it answered ${status}`);
}

/** What is no sensible number of seconds counts as not said. */
function seconds(retryAfter) {
  if (!Number.isInteger(retryAfter)) return RETRY_AFTER_SECONDS;
  return retryAfter >= 1 && retryAfter <= MAX_RETRY_AFTER_SECONDS ? retryAfter : RETRY_AFTER_SECONDS;
}

function unavailable(detail) {
  return new Unavailable("The issuer does not answer at the moment.", { detail });
}

/** The host keeps the token sealed and hands it to `poll`, which is not told the format. */
function writeToken(format, ticket) {
  return `${format} ${ticket}`;
}

function readToken(token) {
  const [, format, ticket] = /^(\S+) (.+)$/s.exec(new TextDecoder().decode(token)) ?? [];
  if (format === undefined) throw new Internal("The ticket cannot be read.");
  return { format, ticket };
}
