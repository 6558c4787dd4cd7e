// Answers and errors, from what authors return and throw to what the contract wants.

import assert from "node:assert/strict";
import { test } from "node:test";

import { declared, failure, host, request } from "./host.mjs";

const sdk = await import("../index.js");
const { NotFound, Denied, InvalidRequest, Unavailable, Misconfigured, Internal } = sdk;

const ABOUT = { name: "people", version: "1.0.0", summary: "Tests." };

function provider(fetch, more = {}) {
  return sdk.defineDataProvider({ ...ABOUT, ...more, fetch });
}

function fetched(fetch) {
  return provider(fetch).dataProvider.fetch(request());
}

// First of all: until the host has called, nothing of it may be used.
test("the top level of a module reaches nothing of the host", () => {
  const refused = /works only inside of the plugin's functions/;
  for (const use of [
    () => Math.random(),
    () => crypto.getRandomValues(new Uint8Array(1)),
    () => crypto.randomUUID(),
    () => console.log("x"),
    () => sdk.log.info("x"),
    () => sdk.trace.requestId(),
    () => sdk.prepared.size(),
  ]) {
    assert.throws(use, refused);
  }
});

test("a request is read", () => {
  let seen;
  host["chancery:host/config"].all = () => '{"country":"KE"}';
  provider((asked, config) => {
    seen = { asked, config };
    return { claims: {} };
  }).dataProvider.fetch(request());
  assert.deepEqual(seen.asked.subject, { id: "person-1", claims: { role: "farmer" } });
  assert.deepEqual(seen.asked.settings, { limit: 3 });
  assert.deepEqual(seen.asked.context, {});
  assert.equal(seen.asked.requestId, "r-1");
  assert.deepEqual(seen.config, { country: "KE" });
});

test("data is written", () => {
  assert.deepEqual(
    fetched(() => ({ claims: { a: "ä" } })),
    { claims: '{"a":"ä"}', attachments: [], validUntil: undefined },
  );
  assert.equal(fetched(() => ({ claims: {}, validUntil: new Date(1_999) })).validUntil, 1);
  assert.equal(fetched(() => ({ claims: {}, validUntil: 7 })).validUntil, 7);
});

test("attachments go to the host in parts, and its limit is an error", () => {
  const parts = [];
  host["chancery:host/blobs"].Blob = class {
    constructor(mediaType) {
      this.mediaType = mediaType;
    }
    append(part) {
      parts.push(part.length);
      if (parts.length > 3) throw declared({ tag: "too-large", val: 16 });
    }
  };
  const attach = (length) => () => ({
    claims: {},
    attachments: [{ name: "photo", mediaType: "image/png", bytes: new Uint8Array(length) }],
  });
  const [photo] = fetched(attach(2 * 1024 * 1024 + 1)).attachments;
  assert.equal(photo.name, "photo");
  assert.equal(photo.content.mediaType, "image/png");
  assert.deepEqual(parts, [1024 * 1024, 1024 * 1024, 1]);
  const error = failure(() => fetched(attach(1)));
  assert.equal(error.tag, "internal");
  assert.match(error.val.detail, /may hold 16 bytes/);
});

test("an answer of another form says what it is and what is expected", () => {
  const shape = "fetch returned must be { claims, attachments?, validUntil? }";
  for (const [answer, expected] of [
    [undefined, `${shape}; it is undefined`],
    [null, `${shape}; it is null`],
    [17, `${shape}; it is a number`],
    ["x", `${shape}; it is a text`],
    [[], `${shape}; it is an array`],
    [() => {}, `${shape}; it is a function`],
    [new Map(), "claims of what fetch returned must be an object; it is undefined"],
    [{ given_name: "Ada" }, `${shape}; it is an object with given_name`],
    [{ claims: [] }, "claims of what fetch returned must be an object; it is an array"],
    [{ claims: "{}" }, "claims of what fetch returned must be an object; it is a text"],
    [{ claims: {}, validUntil: "2027" }, "validUntil of what fetch returned must be a Date"],
    [{ claims: {}, validUntil: new Date(NaN) }, "validUntil of what fetch returned must be a Date"],
    [{ claims: {}, validUntil: -1 }, "validUntil of what fetch returned must be a Date"],
    [{ claims: {}, attachments: {} }, "attachments of what fetch returned must be an array"],
    [{ claims: {}, attachments: [7] }, "an attachment of what fetch returned must be { name, mediaType, bytes }"],
    [Promise.resolve({ claims: {} }), "fetch returned a Promise, and nothing would wait for it"],
  ]) {
    const error = failure(() => fetched(() => answer));
    assert.equal(error.tag, "internal", expected);
    assert.equal(error.val.message, "The plugin failed.");
    assert.ok(error.val.detail.startsWith(`TypeError: ${expected}`), error.val.detail);
  }
});

test("claims hold what JSON has, and nothing changes on the way", () => {
  const written = (claims) => fetched(() => ({ claims })).claims;
  const inherited = new (class Person {
    name = "Ada";
  })();
  assert.equal(
    written({ a: undefined, b: [1, -0.5, null, true], c: new Date(0), d: inherited, e: Object.create(null) }),
    '{"b":[1,-0.5,null,true],"c":"1970-01-01T00:00:00.000Z","d":{"name":"Ada"},"e":{}}',
  );
  assert.equal(written({ a: { toJSON: () => ({ b: 1 }) } }), '{"a":{"b":1}}');
  assert.equal(written({ max: Number.MAX_SAFE_INTEGER }), '{"max":9007199254740991}');
  const cycle = {};
  cycle.self = cycle;
  const itself = { toJSON: () => itself };
  for (const [claims, fault] of [
    [{ height: NaN }, "claims.height is not a finite number"],
    [{ a: [{}, { b: -Infinity }] }, "claims.a[1].b is not a finite number"],
    [{ id: 2 ** 53 }, "claims.id is beyond 2^53, where JavaScript rounds whole numbers: use a text"],
    [{ id: 1n }, "claims.id is a BigInt, which JSON does not have: use String(…)"],
    [{ a: new Map([["b", 1]]) }, "claims.a is a Map, which JSON does not have: use Object.fromEntries(…)"],
    [{ a: new Set([1]) }, "claims.a is a Set, which JSON does not have: use Array.from(…)"],
    [{ a: new Uint8Array(1) }, "claims.a is a Uint8Array, which JSON does not have: use a text, or an attachment"],
    [{ a: /x/ }, "claims.a is a RegExp, which JSON does not have"],
    [{ a: () => 1 }, "claims.a is a function, which JSON does not have"],
    [{ a: Symbol("x") }, "claims.a is a symbol, which JSON does not have"],
    [{ a: Promise.resolve() }, "claims.a is a Promise, which JSON does not have"],
    [{ a: [undefined] }, "claims.a[0] is undefined, which JSON does not have"],
    [{ a: [, 1] }, "claims.a[0] is undefined, which JSON does not have"],
    [{ a: new Date(NaN) }, "claims.a is no valid date"],
    [{ a: { toJSON: () => NaN } }, "claims.a is not a finite number"],
    [{ a: "\ud800" }, "claims.a holds half of a surrogate pair, which is not Unicode"],
    [{ "\udc00": 1 }, "claims has half of a surrogate pair in a name"],
    [{ a: [{ b: 1, "c\ud800": undefined }] }, "claims.a[0] has half of a surrogate pair in a name"],
    [cycle, `claims${".self".repeat(32)} is deeper than 32 levels, or holds itself`],
    [{ a: itself }, "claims.a is deeper than 32 levels, or holds itself"],
  ]) {
    const { tag, val } = failure(() => written(claims));
    assert.equal(tag, "internal", fault);
    assert.equal(val.message, "The plugin failed.");
    assert.equal(val.detail.split("\n")[0], fault);
  }
  const nested = (depth) => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
  assert.equal(written(nested(32)).length, 32 * 6 + 1);
  assert.match(failure(() => written(nested(33))).val.detail, /deeper than 32 levels/);
});

test("each error keeps both texts and its case", () => {
  for (const [Kind, tag] of [
    [NotFound, "not-found"],
    [Denied, "denied"],
    [InvalidRequest, "invalid-request"],
    [Misconfigured, "misconfigured"],
  ]) {
    const thrown = () => {
      throw new Kind("public", { detail: "private" });
    };
    assert.deepEqual(
      failure(() => fetched(thrown)),
      { tag, val: { message: "public", detail: "private" } },
    );
  }
  const bare = () => {
    throw new NotFound("public");
  };
  assert.deepEqual(
    failure(() => fetched(bare)),
    { tag: "not-found", val: { message: "public", detail: undefined } },
  );
});

test("what is unavailable may say when it is back", () => {
  const after = (retryAfterMs) =>
    failure(() =>
      fetched(() => {
        throw new Unavailable("later", { retryAfterMs });
      }),
    ).val.afterMs;
  assert.equal(after(1500.2), 1501);
  assert.equal(after(0), 0);
  assert.equal(after(1e12), 0xffffffff);
  for (const nonsense of [undefined, -1, NaN, "5"]) assert.equal(after(nonsense), undefined);
});

test("whatever else is thrown is a defect, and its text is private", () => {
  for (const [thrown, text] of [
    [new TypeError("no such member"), "TypeError: no such member"],
    ["a text", '"a text" was thrown, which is no Error'],
    [{ tag: "not-found", val: {} }, "an object was thrown, which is no Error"],
    [undefined, "undefined was thrown, which is no Error"],
  ]) {
    const error = failure(() =>
      fetched(() => {
        throw thrown;
      }),
    );
    assert.equal(error.tag, "internal");
    assert.equal(error.val.message, "The plugin failed.");
    assert.ok(error.val.detail.startsWith(text), error.val.detail);
  }
});

test("causes are told, and not without end", () => {
  const endless = new Error("round");
  endless.cause = endless;
  const thrown = () => {
    throw new Unavailable("later", { detail: "row 7", cause: endless });
  };
  const { detail } = failure(() => fetched(thrown)).val.problem;
  assert.ok(detail.startsWith("row 7\nError: round"), detail);
  assert.equal(detail.split("caused by").length, 4);
});

test("a detail is cut to what the contract allows, and to whole characters", () => {
  for (const text of ["é".repeat(10_000), "x".repeat(4096), "😀".repeat(1025), "\ud800".repeat(5000)]) {
    const { detail } = failure(() =>
      fetched(() => {
        throw new NotFound("no", { detail: text });
      }),
    ).val;
    assert.ok(Buffer.byteLength(detail) <= 4096);
    assert.ok(Buffer.byteLength(detail) > 3000);
    assert.ok(detail.isWellFormed?.() ?? true);
  }
});

test("half a surrogate pair reaches the host nowhere", () => {
  const lines = [];
  host["chancery:host/log"].write = (...line) => lines.push(line);
  const thrown = () => {
    sdk.log.info("a\ud800", { "b\udc00": "c\ud800" });
    throw new NotFound("d\ud800", { detail: "e\ud800" });
  };
  const { message, detail } = failure(() => fetched(thrown)).val;
  assert.deepEqual([message, detail], ["d\ufffd", "e\ufffd"]);
  assert.deepEqual(lines, [["info", "a\ufffd", [["b\ufffd", "c\ufffd"]]]]);
});

test("faults of a configuration are reported at once", () => {
  const check = (validate, config = "{}") => provider(() => ({}), { validate }).lifecycle.validateConfig(config);
  for (const fine of [() => [], () => undefined, () => null, undefined]) assert.equal(check(fine), undefined);
  const problems = [
    { path: "/a", message: "no" },
    { path: "", message: "at all" },
  ];
  assert.deepEqual(
    failure(() => check(() => problems)),
    problems,
  );
  let seen;
  check((config) => void (seen = config), '{"a":1}');
  assert.deepEqual(seen, { a: 1 });
});

test("a validate that fails is a fault that tells why", () => {
  const fault = (validate) => failure(() => provider(() => ({}), { validate }).lifecycle.validateConfig("{}"));
  const thrown = () => {
    throw new Error("oops");
  };
  for (const [validate, text] of [
    [thrown, "Error: oops"],
    [() => "no", "validate returned must be an array of { path, message }"],
    [() => [{ path: 1, message: "x" }], "validate returned must be problems { path, message } of two texts"],
    [async () => [], "validate returned a Promise"],
  ]) {
    const [{ path, message }] = fault(validate);
    assert.equal(path, "");
    assert.ok(message.includes(text), message);
  }
});

test("a plugin says who it is", () => {
  const schema = { type: "object" };
  const { lifecycle } = provider(() => ({}), { configSchema: schema });
  assert.deepEqual(JSON.parse(lifecycle.describe()), { ...ABOUT, config_schema: schema });
  assert.equal(JSON.parse(provider(() => ({})).lifecycle.describe()).config_schema, null);
});

test("prepare and health are optional", () => {
  const plain = provider(() => ({})).lifecycle;
  assert.deepEqual(plain.prepare(), new Uint8Array());
  assert.equal(plain.health(), undefined);
  const full = provider(() => ({}), {
    prepare: () => "é",
    health() {
      throw new Unavailable("sick");
    },
  }).lifecycle;
  assert.deepEqual(full.prepare(), new Uint8Array([0xc3, 0xa9]));
  assert.equal(failure(() => full.health()).tag, "unavailable");
  const wrong = provider(() => ({}), { prepare: () => ({}) }).lifecycle;
  assert.match(failure(() => wrong.prepare()).val.detail, /prepare returned must be a Uint8Array or a text/);
});

test("a definition with a mistake fails where it stands", () => {
  const fetch = () => ({});
  for (const [definition, message] of [
    [undefined, "defineDataProvider takes an object; this is undefined"],
    [{ ...ABOUT }, "fetch must be a function; it is undefined"],
    [{ ...ABOUT, fetch, helth() {} }, "there is no member helth; there are name, version,"],
    [{ ...ABOUT, fetch, name: "" }, "name must be a text"],
    [{ ...ABOUT, fetch, version: "1" }, 'version must be a version such as "1.0.0"; it is a text'],
    [{ ...ABOUT, fetch, summary: 7 }, "summary must be a text; it is a number"],
    [{ ...ABOUT, fetch, configSchema: "{}" }, "configSchema must be an object; it is a text"],
    [{ ...ABOUT, fetch, validate: [] }, "validate must be a function; it is an array"],
    [{ ...ABOUT, fetch, issue() {} }, "there is no member issue"],
  ]) {
    assert.throws(
      () => sdk.defineDataProvider(definition),
      (error) => error.message.includes(message),
    );
  }
});

function issuer(answer) {
  const made = sdk.defineVcIssuer({ ...ABOUT, issue: answer, poll: answer }).vcIssuance;
  const poll = { ...request(), token: new Uint8Array([1]) };
  return { issue: () => made.issue(request(), { publicKeyJwk: '{"kty":"EC"}' }), poll: () => made.poll(poll) };
}

test("an issuance is done, or not yet", () => {
  let holder;
  const issued = issuer((_, given) => {
    holder = given;
    return { issued: { body: "é", metadata: { issuer: "x" } } };
  }).issue();
  assert.deepEqual(holder, { id: undefined, proofType: undefined, publicKeyJwk: { kty: "EC" } });
  const credential = {
    format: "dc+sd-jwt",
    body: new Uint8Array([0xc3, 0xa9]),
    externalId: undefined,
    metadata: '{"issuer":"x"}',
  };
  assert.deepEqual(issued, { tag: "issued", val: credential });
  const pending = issuer(() => ({ pending: { token: "t", retryAfterMs: 1e12 } }));
  const ticket = { tag: "pending", val: { token: new Uint8Array([116]), retryAfterMs: 0xffffffff } };
  assert.deepEqual(pending.issue(), ticket);
  assert.deepEqual(pending.poll(), ticket);
});

test("an issuance of another form is refused", () => {
  for (const [answer, text] of [
    [{}, "issue returned must be { issued:"],
    [{ issued: {}, pending: {} }, "issue returned must be { issued:"],
    [{ body: "x" }, "with body"],
    [{ issued: { body: 7 } }, "body of issued of what issue must be a text or a Uint8Array; it is a number"],
    [{ issued: { body: "x", metadata: "{}" } }, "metadata of issued of what issue returned must be an object"],
    [{ pending: { token: "t" } }, "retryAfterMs of pending of what issue returned must be a number of milliseconds"],
    [{ pending: { token: "t", retryAfterMs: -1 } }, "retryAfterMs"],
    [
      { pending: { retryAfterMs: 1 } },
      "token of pending of what issue must be a text or a Uint8Array; it is undefined",
    ],
  ]) {
    assert.ok(failure(issuer(() => answer).issue).val.detail.includes(text), text);
  }
  const formatless = failure(issuer(() => ({ issued: { body: "x" } })).poll);
  assert.match(formatless.val.detail, /format of issued of what poll must be a text; it is undefined/);
});

const EVENT = {
  id: "e1",
  sequence: 7,
  atUnixMs: 1_700_000_000_042,
  issuerId: null,
  action: "credential.issue",
  outcome: "denied",
  actor: "a",
  object: "o",
  requestId: "",
  detail: '{"reason":"x"}',
};

test("events are read, and have the form of Chancery's own sinks", () => {
  let seen;
  const sink = sdk.defineAuditSink({
    ...ABOUT,
    deliver(events) {
      seen = events;
      return { delivered: ["e1"], rejected: [{ id: "e2", reason: "no" }] };
    },
  });
  const receipt = sink.audit.deliver([EVENT]);
  assert.deepEqual(receipt, { delivered: ["e1"], rejected: [{ id: "e2", reason: "no" }] });
  assert.equal(
    JSON.stringify(sdk.eventJson(seen[0])),
    '{"id":"e1","sequence":7,"time":"2023-11-14T22:13:20.042Z","issuer_id":null,"action":"credential.issue",' +
      '"outcome":"denied","actor":"a","object":"o","request_id":null,"detail":{"reason":"x"}}',
  );
});

test("a receipt of another form is refused", () => {
  for (const [answer, text] of [
    [undefined, "deliver returned must be { delivered:"],
    [["e1"], "it is an array"],
    [{ delivered: "e1" }, "delivered of what deliver returned must be an array of ids"],
    [{ delivered: [7] }, "an id in delivered must be a text; it is a number"],
    [{ rejected: [{ id: "e1" }] }, "a rejection's reason must be a text; it is undefined"],
  ]) {
    const sink = sdk.defineAuditSink({ ...ABOUT, deliver: () => answer });
    assert.ok(failure(() => sink.audit.deliver([EVENT])).val.detail.includes(text), text);
  }
});

test("random numbers come from the host", () => {
  const asked = [];
  host["wasi:random/random"].getRandomBytes = (length) => {
    asked.push(length);
    return new Uint8Array(length).fill(255);
  };
  const seen = fetched(() => ({ claims: { n: Math.random(), u: crypto.randomUUID() } }));
  const { n, u } = JSON.parse(seen.claims);
  assert.ok(n < 1 && n > 0.999);
  assert.equal(u, "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.deepEqual(asked, [8, 16]);
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65_537)), RangeError);
  assert.throws(() => crypto.getRandomValues([1]), TypeError);
});

test("the console writes to the host's log", () => {
  const lines = [];
  host["chancery:host/log"].write = (level, message) => lines.push([level, message]);
  const cycle = {};
  cycle.self = cycle;
  console.log("a", 1, { b: [2] }, null, undefined, 5n, cycle);
  console.error("e");
  console.debug("d");
  assert.deepEqual(lines, [
    ["info", 'a 1 {"b":[2]} null undefined 5 an object'],
    ["error", "e"],
    ["debug", "d"],
  ]);
});

test("pointers escape what pointers give a meaning", () => {
  assert.equal(sdk.pointer("a/b", "c~d", 0), "/a~1b/c~0d/0");
  assert.equal(sdk.pointer(), "");
});

test("internal errors name the author's place, others do not", () => {
  globalThis.__chancery_lines = { sources: ["src/plugin.js"], runs: [[1, 0, 100]] };
  const at = (Kind) =>
    failure(() =>
      fetched(() => {
        throw new Kind("no", { detail: "x" });
      }),
    ).val.detail;
  assert.match(at(Internal), /^x\n {4}at .*\(src\/plugin\.js:\d+\)/);
  assert.equal(at(NotFound), "x");
  delete globalThis.__chancery_lines;
});
