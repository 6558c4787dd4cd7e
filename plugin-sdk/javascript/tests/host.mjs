// The host's side for tests: to be imported before anything of the SDK. Interfaces of the contract become modules whose
// functions a test replaces through `host`.

import { register } from "node:module";

// The engines of plugins have these; the oldest Node.js that may run these tests does not.
String.prototype.toWellFormed ??= function () {
  return new TextDecoder().decode(new TextEncoder().encode(this));
};
String.prototype.isWellFormed ??= function () {
  return this.toWellFormed() === String(this);
};
Uint8Array.fromBase64 ??= (base64) => new Uint8Array(Buffer.from(base64, "base64"));
Uint8Array.prototype.toBase64 ??= function () {
  return Buffer.from(this).toString("base64");
};

/** The functions of the host by interface and name. Tests replace what they need. */
export const host = (globalThis.__host = {
  "chancery:host/blobs": {},
  "chancery:host/config": { all: () => "{}" },
  "chancery:host/files": {},
  "chancery:host/journal": {},
  "chancery:host/kv": {},
  "chancery:host/log": { write: () => {} },
  "chancery:host/prepared": { size: () => 0, read: () => new Uint8Array() },
  "chancery:host/reveal": {},
  "chancery:host/secrets": {},
  "chancery:host/sign": {},
  "chancery:host/sql": {},
  "chancery:host/trace": { requestId: () => "r-1", traceparent: () => null, remainingMs: () => 5000 },
  "wasi:clocks/monotonic-clock": {},
  "wasi:http/outgoing-handler": {},
  "wasi:http/types": {},
  "wasi:io/poll": {},
  "wasi:random/random": { getRandomBytes: (length) => new Uint8Array(length).map((_, at) => at * 37) },
});

/** What each interface exports; a class hands over to the one of the test. */
const NAMES = {
  "chancery:host/blobs": ["Blob"],
  "chancery:host/config": ["get", "all"],
  "chancery:host/files": ["open"],
  "chancery:host/journal": ["append", "size", "begunAt", "rotate"],
  "chancery:host/kv": ["get", "put", "delete"],
  "chancery:host/log": ["write"],
  "chancery:host/prepared": ["size", "read"],
  "chancery:host/reveal": ["reveal"],
  "chancery:host/secrets": ["get"],
  "chancery:host/sign": ["jwt", "detachedJws", "mac"],
  "chancery:host/sql": ["run"],
  "chancery:host/trace": ["requestId", "traceparent", "remainingMs"],
  "wasi:clocks/monotonic-clock": ["now", "subscribeDuration"],
  "wasi:http/outgoing-handler": ["handle"],
  "wasi:http/types": ["Fields", "OutgoingBody", "OutgoingRequest", "RequestOptions", "httpErrorCode"],
  "wasi:io/poll": ["poll"],
  "wasi:random/random": ["getRandomBytes"],
};

const sources = Object.fromEntries(
  Object.entries(NAMES).map(([name, functions]) => {
    const line = (fn) => {
      const called = `globalThis.__host[${JSON.stringify(name)}].${fn}`;
      // A class is constructed, and has static functions.
      const made = `construct: (_, a) => new ${called}(...a), get: (_, n) => ${called}[n]`;
      const value = /^[A-Z]/.test(fn) ? `new Proxy(class {}, { ${made} })` : `(...a) => ${called}(...a)`;
      return `const the_${fn} = ${value}; export { the_${fn} as ${fn} };`;
    };
    return [name, functions.map(line).join("\n")];
  }),
);

const hooks = `
const sources = ${JSON.stringify(sources)};
export async function resolve(specifier, context, next) {
  const name = specifier.replace(/@.*/, "");
  return name in sources ? { url: "host:" + name, shortCircuit: true } : next(specifier, context);
}
export async function load(url, context, next) {
  if (!url.startsWith("host:")) return next(url, context);
  return { format: "module", source: sources[url.slice("host:".length)], shortCircuit: true };
}
`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);

/** What the host throws where the contract declares an error. */
export function declared(payload) {
  return Object.assign(new Error(`declared: ${payload?.tag}`), { payload });
}

/** The error that a call ends with, in the contract's form. */
export function failure(run) {
  try {
    run();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("the call did not fail");
}

/** A request as the host hands it over. */
export function request(id = "person-1", more = {}) {
  return {
    requestId: "r-1",
    issuerId: "default",
    configurationId: "PersonCredential",
    format: "dc+sd-jwt",
    subject: { id, claims: '{"role":"farmer"}' },
    requestedClaims: [],
    locales: ["en"],
    settings: '{"limit":3}',
    context: "{}",
    budgetMs: 5000,
    ...more,
  };
}
