// Proxy mode: another issuer makes and signs the credential, reached by its VC-API. It may answer at once (201), or say
// where the credential will be (202 with Location); then the host keeps the wallet waiting and comes back with `poll`.
//
// What it hands out is verified by the host before a wallet gets it: signature, issuer, type, and the holder's key.

import {
  Denied,
  Internal,
  InvalidRequest,
  Misconfigured,
  Unavailable,
  defineVcIssuer,
  log,
  type Holder,
  type Issuance,
  type Request,
} from "chancery";
import * as http from "chancery/http";

interface Config {
  /** The base of the VC-API. */
  url: string;
}

/** When to ask again, where the other issuer does not say, or says nothing sensible. */
const RETRY_AFTER_MS = 30_000;
const MIN_RETRY_AFTER_MS = 1000;
const MAX_RETRY_AFTER_MS = 86_400_000;

export const { lifecycle, vcIssuance } = defineVcIssuer<Config>({
  name: "issuer-proxy",
  version: "0.1.0",
  summary: "Gets credentials from another issuer through its VC-API.",

  validate({ url }) {
    if (typeof url === "string" && /^https?:\/\/[^/]+$/.test(url)) return [];
    return [{ path: "/url", message: "must be an origin without a path, such as https://issuer.example.org" }];
  },

  issue(request, holder, config) {
    const credential = fill(request.settings.credential, request, nameOf(holder));
    // The host asks once for each request id; the other issuer must not sign twice either.
    const headers = { "idempotency-key": request.requestId };
    return read(http.post(`${config.url}/credentials/issue`, { json: { credential }, headers }), config);
  },

  poll(request, config) {
    const ticket = new TextDecoder().decode(request.token);
    if (!isPath(ticket)) throw new Internal("The ticket cannot be read.");
    return read(http.get(config.url + ticket), config);
  },
});

function read(response: http.Response, config: Config): Issuance {
  const retryAfterMs = response.retryAfterMs();
  switch (response.status) {
    case 200:
    case 201: {
      if (response.body.length === 0) throw unavailable(`its ${response.status} has no body`);
      const answer: { verifiableCredential?: unknown } | null = response.json();
      const verifiableCredential = answer?.verifiableCredential;
      if (typeof verifiableCredential !== "object" || verifiableCredential === null) {
        throw unusable("there is no verifiableCredential in it");
      }
      return { issued: { format: "ldp_vc", body: JSON.stringify(verifiableCredential) } };
    }
    case 202:
      log.info("the credential is not ready");
      return { pending: { token: path(response.header("location"), config), retryAfterMs: sensible(retryAfterMs) } };
    case 400:
    case 422:
      throw new Denied("The other issuer does not issue this credential.", { detail: `${response.status}` });
    case 408:
    case 429:
      throw new Unavailable("The other issuer is busy.", { detail: `${response.status}`, retryAfterMs });
    default:
      if (response.status < 500) throw unusable(`the status is ${response.status}`);
      throw unavailable(`${response.status}`, retryAfterMs);
  }
}

function sensible(retryAfterMs = RETRY_AFTER_MS): number {
  return retryAfterMs >= MIN_RETRY_AFTER_MS && retryAfterMs <= MAX_RETRY_AFTER_MS ? retryAfterMs : RETRY_AFTER_MS;
}

/** The ticket: where the credential will be. Another origin is refused, since the grant's token would go there too. */
function path(location: string | undefined, { url }: Config): string {
  if (location === undefined || location === "") throw unavailable("its 202 has no Location");
  const rest = location.startsWith(`${url}/`) ? location.slice(url.length) : location;
  if (isPath(rest)) return rest;
  throw unusable(`its Location is ${JSON.stringify(location)}`);
}

function isPath(text: string): boolean {
  return text.startsWith("/") && !text.startsWith("//");
}

/** The configuration's template with the values of this request: a text `{subject.id}` becomes the subject's id. */
function fill(template: unknown, request: Request, holder: string): unknown {
  const values: Record<string, string> = { "{subject.id}": request.subject.id, "{holder.id}": holder };
  if (typeof template === "string") return values[template] ?? template;
  if (Array.isArray(template)) return template.map((inner) => fill(inner, request, holder));
  if (template === null || typeof template !== "object") return template;
  return Object.fromEntries(Object.entries(template).map(([name, inner]) => [name, fill(inner, request, holder)]));
}

/** The DID that the credential is bound to. A key that came without one is named by did:jwk. */
function nameOf({ id, publicKeyJwk }: Holder): string {
  if (id !== undefined) return id.split("#")[0]!;
  if (publicKeyJwk === undefined) throw new InvalidRequest("This credential is bound to a key, and the wallet proved none.");
  // The required members in the order of RFC 7638: one key has one name.
  const { crv, kty, x, y } = publicKeyJwk as Record<string, string>;
  const encoded = btoa(JSON.stringify({ crv, kty, x, y }));
  return `did:jwk:${encoded.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

function unavailable(detail: string, retryAfterMs?: number) {
  return new Unavailable("The other issuer does not answer.", { detail, retryAfterMs });
}

function unusable(detail: string) {
  return new Misconfigured("The other issuer's answer cannot be used.", { detail });
}
