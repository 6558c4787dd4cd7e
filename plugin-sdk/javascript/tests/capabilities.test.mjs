// The modules of the capabilities, against a host of plain functions.

import assert from "node:assert/strict";
import { test } from "node:test";

import { declared, failure, host, request } from "./host.mjs";

const sdk = await import("../index.js");
const files = await import("../files.js");
const http = await import("../http.js");
const journal = await import("../journal.js");
const kv = await import("../kv.js");
const reveal = await import("../reveal.js");
const secrets = await import("../secrets.js");
const sign = await import("../sign.js");
const sql = await import("../sql.js");
const { decodeUtf8, encodeUtf8 } = await import("../internal/text.js");

const uses = {
  files: () => files.open("/x"),
  http: () => http.get("https://a.example/"),
  journal: () => journal.size(),
  kv: () => kv.get("a"),
  secrets: () => secrets.get("a"),
  sign: () => sign.jwt("k", {}),
  sql: () => sql.query("x"),
};

test("the top level of a module reaches no capability", () => {
  for (const use of Object.values(uses)) assert.throws(use, /works only inside of the plugin's functions/);
});

/** Runs something inside of a call, and gives what it threw in the contract's form. */
function call(run) {
  const fetch = () => {
    run();
    return { claims: {} };
  };
  return sdk.defineDataProvider({ name: "x", version: "1.0.0", summary: "x", fetch }).dataProvider.fetch(request());
}

function refused(run) {
  return failure(() => call(run));
}

function fails(interfaceName, functionName, payload) {
  host[interfaceName][functionName] = () => {
    throw declared(payload);
  };
}

test("texts are UTF-8, whatever is in them", () => {
  for (const text of ["", "a", "é", "€", "😀", "a😀b\u0000", "\uffff", "x".repeat(20_000), "é€😀".repeat(5_000)]) {
    const bytes = encodeUtf8(text);
    assert.deepEqual(bytes, new Uint8Array(Buffer.from(text)));
    assert.equal(decodeUtf8(bytes), text);
  }
  for (const half of ["\ud800", "\udc00", "a\ud800b", "\ud800\ud800\udc00"]) {
    assert.deepEqual(encodeUtf8(half), new Uint8Array(Buffer.from(half)), JSON.stringify(half));
  }
  for (const bytes of [
    [0xff],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xe2, 0x82],
    [0xf5, 0x80, 0x80, 0x80],
    [0x61, 0x80],
  ]) {
    assert.throws(() => decodeUtf8(new Uint8Array(bytes)), /the bytes are not UTF-8/);
  }
});

test("URLs that two readers could understand differently are refused", () => {
  for (const good of [
    "https://a.example",
    "HTTPS://A.example:8443/b?c=d/e?f",
    "http://[::1]:80/",
    "http://127.0.0.1/x%20y",
    "https://a.example/p;v=1/@x:y",
  ]) {
    assert.equal(http.checkUrl(good), undefined, good);
  }
  for (const [bad, reason] of [
    [undefined, "a URL must be a text; it is undefined"],
    ["", "begin with https"],
    ["ftp://a.example/", "begin with https"],
    ["//a.example/", "begin with https"],
    ["https://a.example/#x", "no fragment"],
    ["https://u:p@a.example/", "no user or password"],
    ["https://a.example\\@b.example/", "no user or password"],
    ["https://a.example/b c", "percent-encoded"],
    ["https://a.example/é", "percent-encoded"],
    ["https://a.example/%zz", "percent-encoded"],
    ["https://a.example/?a=b\n", "percent-encoded"],
    ["https://a.example/a/../b", "no . or .. segments"],
    ["https://a.example/%2e%2E/b", "no . or .. segments"],
    ["https://a.example/.", "no . or .. segments"],
    ["https:///x", "host is not valid"],
    ["https://a b/", "host is not valid"],
    ["https://[x]/", "host is not valid"],
    ["https://a.example:0/", "port is not valid"],
    ["https://a.example:65536/", "port is not valid"],
    ["https://a.example:/", "port is not valid"],
    ["https://a.example:80:80/", "port is not valid"],
  ]) {
    assert.ok(http.checkUrl(bad)?.includes(reason), `${bad}: ${http.checkUrl(bad)}`);
  }
});

test("a value is one segment of a path, or none at all", () => {
  assert.equal(http.segment("a/b ?#é(1)"), "a%2Fb%20%3F%23%C3%A9%281%29");
  for (const none of ["", ".", ".."]) assert.equal(refused(() => http.segment(none)).tag, "invalid-request", none);
});

/** The other side of wasi:http: takes one request and answers it. */
function server(answer) {
  const sent = { body: "" };
  const stream = (parts) => ({
    read: () => {
      if (parts.length === 0) throw declared({ tag: "closed" });
      return parts.shift();
    },
  });
  host["wasi:clocks/monotonic-clock"] = { now: () => 0, subscribeDuration: () => "timer" };
  host["wasi:io/poll"] = { poll: () => [0] };
  host["wasi:http/types"] = {
    Fields: {
      fromList: (lines) => Object.assign(sent, { headers: lines.map(([n, v]) => [n, Buffer.from(v).toString()]) }),
    },
    RequestOptions: class {
      setConnectTimeout() {}
      setFirstByteTimeout() {}
      setBetweenBytesTimeout(limit) {
        sent.limit = limit;
      }
    },
    OutgoingRequest: class {
      setMethod(method) {
        sent.method = method;
      }
      setScheme(scheme) {
        sent.scheme = scheme.tag;
      }
      setAuthority(authority) {
        sent.authority = authority;
      }
      setPathWithQuery(path) {
        sent.path = path;
      }
      body() {
        let turn = 0;
        return {
          write: () => ({
            checkWrite: () => (turn++ === 0 ? 0 : 7),
            subscribe: () => "ready",
            write: (part) => void (sent.body += Buffer.from(part).toString()),
          }),
        };
      }
    },
    OutgoingBody: { finish: () => {} },
    httpErrorCode: () => null,
  };
  host["wasi:http/outgoing-handler"].handle = () => {
    const outcome = answer(sent);
    return { get: () => ({ tag: "ok", val: outcome }), subscribe: () => "ready" };
  };
  server.response = (status, headers, parts) => ({
    tag: "ok",
    val: {
      status: () => status,
      headers: () => ({ entries: () => Object.entries(headers).map(([n, v]) => [n, new Uint8Array(Buffer.from(v))]) }),
      consume: () => ({ stream: () => stream(parts.map((part) => new Uint8Array(Buffer.from(part)))) }),
    },
  });
  return sent;
}

test("a request goes out and its response comes back", () => {
  const sent = server(() =>
    server.response(201, { "Content-Type": "application/json; charset=utf-8" }, ['{"a":', "1}"]),
  );
  let response;
  call(() => {
    const options = { json: { name: "Ada Lovelace" }, headers: { "X-A": "b" }, timeoutMs: 20 };
    response = http.post("https://A.example/x?y=z", options);
  });
  assert.deepEqual(sent.method, { tag: "post" });
  assert.deepEqual([sent.scheme, sent.authority, sent.path], ["HTTPS", "a.example", "/x?y=z"]);
  assert.deepEqual(sent.headers, [
    ["x-a", "b"],
    ["content-type", "application/json"],
  ]);
  assert.equal(sent.body, '{"name":"Ada Lovelace"}');
  assert.equal(sent.limit, 20_000_000);
  assert.deepEqual([response.status, response.ok, response.text()], [201, true, '{"a":1}']);
  assert.deepEqual(response.json(), { a: 1 });
  assert.equal(response.header("CONTENT-TYPE"), "application/json; charset=utf-8");
});

test("a response is JSON where it says so", () => {
  const json = (type, body) => {
    server(() => server.response(200, type === undefined ? {} : { "content-type": type }, [body]));
    return refused(() => http.get("https://a.example/").json());
  };
  for (const [type, body] of [
    ["text/html", "{}"],
    [undefined, "{}"],
    ["application/jsonx", "{}"],
    ["application/json", "{"],
  ]) {
    assert.equal(json(type, body).tag, "unavailable", type);
  }
});

test("JSON of others is read strictly everywhere, and no error quotes it", () => {
  const read = {
    http(body) {
      server(() => server.response(200, { "content-type": "application/json" }, [body]));
      return http.get("https://a.example/").json();
    },
    files(body) {
      const bytes = new Uint8Array(Buffer.from(body));
      host["chancery:host/files"].open = () => ({
        size: () => bytes.length,
        read: (offset, length) => bytes.slice(offset, offset + length),
      });
      assert.deepEqual(files.readJson("/a"), files.open("/a").json());
      return files.readJson("/a");
    },
    kv(body) {
      host["chancery:host/kv"].get = () => new Uint8Array(Buffer.from(body));
      return kv.getJson("a");
    },
    sql(body) {
      const json = { tag: "json", val: body };
      host["chancery:host/sql"].run = () => ({ columns: ["a"], rows: [[json]], truncated: false });
      return sql.first("s").a;
    },
  };
  for (const [what, tag, detail] of [
    ["http", "unavailable", "the body is not JSON: "],
    ["files", "misconfigured", "the JSON of /a cannot be read: "],
    ["kv", "internal", "the value is not JSON: "],
    ["sql", "misconfigured", "the JSON of column a cannot be read: "],
  ]) {
    call(() => assert.deepEqual(read[what]('{"a":["é",1.5]}'), { a: ["é", 1.5] }));
    for (const [body, reason] of [
      ['{"Ada":1,"Ada":2}', "a name stands twice in one object at line 1 column 10"],
      ['{"id":9007199254740993}', "a number too large to be kept exactly at line 1 column 7"],
      ['{"name": Ada}', "a value is missing, or is no JSON, at line 1 column 10"],
    ]) {
      const error = refused(() => read[what](body));
      assert.equal(error.tag, tag, what);
      const said = (error.val.problem ?? error.val).detail.split("\n")[0];
      assert.ok(said.endsWith(detail + reason), said);
      assert.ok(!JSON.stringify(error).includes("Ada"), JSON.stringify(error));
    }
  }
  host["chancery:host/kv"].get = () => new Uint8Array([0x22, 0xff, 0x22]);
  assert.match(refused(() => kv.getJson("a")).val.detail, /the value is not JSON: it is not UTF-8/);
});

test("what goes out as JSON is what JSON has", () => {
  server(() => server.response(200, {}, []));
  for (const [send, path] of [
    [() => http.post("https://a.example/", { json: { a: [NaN] } }), "json.a[0]"],
    [() => kv.putJson("a", { a: [NaN] }), "a value of the cache.a[0]"],
    [() => sign.jwt("k", { a: [NaN] }), "claims.a[0]"],
    [() => sql.query("s", [{ json: { a: [NaN] } }]), "parameter 1.a[0]"],
  ]) {
    const { tag, val } = refused(send);
    assert.equal(tag, "internal");
    assert.equal(val.detail.split("\n")[0], `${path} is not a finite number`);
  }
});

test("a call sends its traceparent, unless it is told not to", () => {
  host["chancery:host/trace"].traceparent = () => "00-1-2-03";
  const sent = server(() => server.response(200, {}, []));
  call(() => http.get("https://a.example/"));
  assert.deepEqual(sent.headers, [["traceparent", "00-1-2-03"]]);
  call(() => http.get("https://a.example/", { traced: false }));
  assert.deepEqual(sent.headers, []);
  host["chancery:host/trace"].traceparent = () => null;
});

test("Retry-After is seconds or a date", () => {
  const after = (value) => {
    server(() => server.response(503, { "retry-after": value }, []));
    let found;
    call(() => (found = http.get("https://a.example/").retryAfterMs()));
    return found;
  };
  assert.equal(after("120"), 120_000);
  assert.equal(after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
  assert.ok(after(new Date(Date.now() + 60_000).toUTCString()) > 50_000);
  for (const nonsense of ["", "-1", "1.5", "soon", "1994-11-06T08:49:37Z"])
    assert.equal(after(nonsense), undefined, nonsense);
});

test("codes of wasi:http are sorted by who can mend them", () => {
  for (const [code, tag, detail] of [
    [{ tag: "HTTP-request-denied" }, "misconfigured", "http_requests of [limits]: http-request-denied"],
    [{ tag: "destination-IP-prohibited" }, "misconfigured", "allow, networks of [grants.http]"],
    [{ tag: "DNS-error", val: {} }, "unavailable", "the name cannot be resolved: dns-error"],
    [{ tag: "connection-refused" }, "unavailable", "no connection: connection-refused"],
    [{ tag: "connection-timeout" }, "unavailable", "no connection in time"],
    [{ tag: "HTTP-response-timeout" }, "unavailable", "no answer in time"],
    [{ tag: "TLS-certificate-error" }, "misconfigured", "no secure connection"],
    [{ tag: "HTTP-response-body-size", val: 7 }, "misconfigured", "response_max of [grants.http]: 7 bytes"],
    [{ tag: "HTTP-request-body-size", val: 7 }, "misconfigured", "request_max of [grants.http]: 7 bytes"],
    [{ tag: "HTTP-protocol-error" }, "unavailable", "the answer cannot be understood"],
    [{ tag: "HTTP-request-URI-invalid" }, "internal", "the request cannot be sent"],
    [{ tag: "internal-error", val: "why" }, "unavailable", "the host cannot send requests: why"],
    [{ tag: "of-the-future" }, "unavailable", "the host cannot send requests: of-the-future"],
  ]) {
    server(() => ({ tag: "err", val: code }));
    const error = refused(() => http.get("https://a.example/"));
    assert.equal(error.tag, tag, code.tag);
    const { message, detail: said } = error.val.problem ?? error.val;
    assert.ok(said.includes(detail), said);
    assert.ok(!message.includes(code.tag));
  }
});

test("a request that is none is a defect", () => {
  const get = (url, options) => refused(() => http.get(url, options)).val.detail;
  assert.match(get("https://a.example/", { header: {} }), /a request has no option header; there are headers, body,/);
  assert.match(get("https://a.example/", 7), /the options of a request must be an object; they are a number/);
  assert.match(get("https://a.example/", { headers: { a: 7 } }), /header a must be a text; it is a number/);
  assert.match(get("https://a.example/", { body: "", json: {} }), /either `body` or `json`/);
  assert.match(get("a.example"), /a URL must begin with https/);
  host["wasi:http/types"].Fields.fromList = () => {
    throw declared({ tag: "forbidden" });
  };
  assert.match(get("https://a.example/", { headers: { host: "b" } }), /a header may not be set by plugins/);
});

test("an answer that takes too long ends", () => {
  server(() => undefined);
  host["wasi:http/outgoing-handler"].handle = () => ({ get: () => undefined, subscribe: () => "ready" });
  host["wasi:io/poll"].poll = () => [1];
  let caught;
  call(() => {
    try {
      http.get("https://a.example/");
    } catch (error) {
      caught = error;
    }
  });
  assert.ok(caught instanceof http.HttpError && caught.mayPass);
  assert.equal(caught.code, "response-timeout");
});

test("parameters of statements keep their types", () => {
  let seen;
  host["chancery:host/sql"].run = (name, params) => {
    seen = params;
    return { columns: ["a", "a", "j", "n", "b"], rows: [], truncated: false };
  };
  const values = [
    null,
    undefined,
    true,
    1,
    -1.5,
    7n,
    "x\ud800",
    new Uint8Array([1]),
    new Date(0),
    { date: "2020-02-29" },
  ];
  call(() => sql.query("s", [...values, { numeric: "1.50" }, { json: [1] }]));
  assert.deepEqual(seen, [
    { tag: "null" },
    { tag: "null" },
    { tag: "boolean", val: true },
    { tag: "int", val: 1 },
    { tag: "float", val: -1.5 },
    { tag: "int", val: 7 },
    { tag: "text", val: "x\ufffd" },
    { tag: "bytes", val: new Uint8Array([1]) },
    { tag: "timestamp", val: "1970-01-01T00:00:00.000Z" },
    { tag: "date", val: "2020-02-29" },
    { tag: "numeric", val: "1.50" },
    { tag: "json", val: "[1]" },
  ]);
  for (const [bad, text] of [
    [{}, "parameter 1 is an object; a parameter is null,"],
    [{ date: 7 }, "parameter 1, a date, must be a text"],
    [NaN, "parameter 1 is NaN"],
    [[1], "parameter 1 is an array"],
    [2 ** 60, "parameter 1 is beyond 2^53"],
    [2n ** 64n, "parameter 1 is beyond 2^53"],
  ]) {
    assert.ok(refused(() => sql.query("s", [bad])).val.detail.includes(text), text);
  }
  assert.match(refused(() => sql.query("s", "x")).val.detail, /the parameters must be an array; they are a text/);
});

test("rows become objects, and numbers that would change are refused", () => {
  const answer = (tag, val) => {
    host["chancery:host/sql"].run = () => ({ columns: ["a"], rows: [[{ tag, val }]], truncated: true });
  };
  const first = () => {
    let row;
    call(() => (row = sql.first("s")));
    return row;
  };
  for (const [tag, val, expected] of [
    ["null", undefined, null],
    ["int", 7, 7],
    ["numeric", "1.50", "1.50"],
    ["date", "2020-02-29", "2020-02-29"],
    ["json", '{"x":1}', { x: 1 }],
    ["bytes", new Uint8Array([1]), new Uint8Array([1])],
  ]) {
    answer(tag, val);
    assert.deepEqual(first(), { a: expected }, tag);
  }
  answer("int", 2 ** 53);
  assert.match(failure(first).val.detail, /column a holds a whole number beyond 2\^53/);
  host["chancery:host/sql"].run = () => ({
    columns: ["__proto__"],
    rows: [[{ tag: "int", val: 1 }]],
    truncated: false,
  });
  assert.deepEqual(Object.keys(first()), ["__proto__"]);
  host["chancery:host/sql"].run = () => ({ columns: ["a"], rows: [], truncated: false });
  assert.equal(first(), undefined);
});

test("failures of statements are sorted by who can mend them, and data stays private", () => {
  for (const [payload, tag, detail] of [
    [{ tag: "unknown-statement", val: [] }, "misconfigured", "add [grants.sql.statements.<name>]"],
    [{ tag: "unknown-statement", val: ["a", "b"] }, "misconfigured", "only a, b"],
    [{ tag: "bad-parameter", val: "one text" }, "misconfigured", "the parameters do not fit: one text"],
    [{ tag: "timeout" }, "unavailable", "longer than its timeout"],
    [{ tag: "unavailable", val: "gone" }, "unavailable", "the database does not answer: gone"],
    [{ tag: "database", val: { code: "42P01", message: "no table" } }, "misconfigured", "42P01 no table"],
    [{ tag: "database", val: { code: "22007", message: "Ada" } }, "invalid-request", "22007 (its message"],
    [{ tag: "database", val: { code: "40001", message: "Ada" } }, "unavailable", "40001 (its message"],
    [{ tag: "database", val: { code: "23505", message: "Ada" } }, "misconfigured", "23505 (its message"],
    [{ tag: "too-large", val: 7 }, "misconfigured", "max_bytes, 7 bytes"],
  ]) {
    fails("chancery:host/sql", "run", payload);
    const error = refused(() => sql.query("s"));
    assert.equal(error.tag, tag, detail);
    const said = (error.val.problem ?? error.val).detail;
    assert.ok(said.includes(detail) && !said.includes("Ada"), said);
  }
});

test("the cache keeps texts, bytes and JSON", () => {
  const kept = new Map();
  host["chancery:host/kv"] = {
    get: (key) => kept.get(key) ?? null,
    put: (key, value, ttl) => void kept.set(key, Object.assign(value, { ttl })),
    delete: (key) => void kept.delete(key),
  };
  call(() => {
    assert.equal(kv.get("a"), undefined);
    assert.equal(kv.getJson("a"), undefined);
    kv.putJson("a", { x: "é" }, { ttlMs: 1.2 });
    assert.deepEqual(kv.getJson("a"), { x: "é" });
    assert.equal(kept.get("a").ttl, 2);
    kv.put("b", "é");
    assert.deepEqual([...kv.get("b")], [0xc3, 0xa9]);
    assert.equal(kept.get("b").ttl, undefined);
    kv.delete("b");
    assert.equal(kv.getText("b"), undefined);
  });
  assert.match(refused(() => kv.put("a", {})).val.detail, /a value of the cache must be a text or a Uint8Array/);
  assert.match(refused(() => kv.put("a", "", { ttlMs: "1s" })).val.detail, /ttlMs must be a number of milliseconds/);
  for (const [payload, tag] of [
    [{ tag: "bad-key" }, "internal"],
    [{ tag: "too-large", val: 7 }, "misconfigured"],
    [{ tag: "unavailable", val: "gone" }, "unavailable"],
  ]) {
    fails("chancery:host/kv", "get", payload);
    assert.equal(refused(() => kv.get("a")).tag, tag);
  }
});

test("files are read in parts", () => {
  const bytes = new Uint8Array(2_500_000).map((_, at) => at);
  const asked = [];
  host["chancery:host/files"].open = () => ({
    size: () => bytes.length,
    read(offset, length) {
      asked.push(length);
      return bytes.slice(offset, offset + length);
    },
  });
  call(() => {
    assert.deepEqual(files.readBytes("/a"), bytes);
    assert.deepEqual(asked, [1_048_576, 1_048_576, 402_848]);
    const file = files.open("/a");
    assert.deepEqual([...file.read(2_499_999, 10)], [bytes.at(-1)]);
    assert.deepEqual([...file.read(9_999_999, 10)], []);
    for (const [offset, length] of [
      [-1, 1],
      [0, 1.5],
      [0, "1"],
    ])
      assert.throws(() => file.read(offset, length), RangeError);
  });
  fails("chancery:host/files", "open", { tag: "not-granted", val: ["/b"] });
  assert.deepEqual(
    refused(() => files.open("/a")),
    {
      tag: "misconfigured",
      val: {
        message: "The data file is not available.",
        detail: 'no file is granted as "/a" (granted: /b); add [[grants.files]] with guest = "/a" to the grant file',
      },
    },
  );
  fails("chancery:host/files", "open", { tag: "not-granted", val: [] });
  assert.match(refused(() => files.open("/a")).val.detail, /\(granted: none\)/);
});

test("secrets are handles, and only a handle is revealed", () => {
  const handle = {};
  host["chancery:host/secrets"].get = () => handle;
  host["chancery:host/reveal"].reveal = (given) => {
    assert.equal(given, handle);
    return new Uint8Array([116]);
  };
  call(() => {
    const secret = secrets.get("token");
    assert.equal(JSON.stringify(secret), '{"name":"token"}');
    assert.equal(reveal.revealText(secret), "t");
    assert.throws(() => reveal.reveal("token"), /this is no secret/);
  });
  fails("chancery:host/secrets", "get", { tag: "not-granted" });
  assert.equal(refused(() => secrets.get("token")).tag, "misconfigured");
  fails("chancery:host/secrets", "get", { tag: "unavailable", val: "no file" });
  assert.equal(refused(() => secrets.get("token")).val.problem.detail, "token: no file");
});

test("signatures are asked for by key", () => {
  host["chancery:host/sign"] = {
    jwt: (key, claims) => `${key}:${claims}`,
    detachedJws: (key, payload) => `${key}:${payload.length}`,
    mac: (key, message) => message,
  };
  call(() => {
    assert.equal(sign.jwt("k", { sub: "a" }), 'k:{"sub":"a"}');
    assert.equal(sign.detachedJws("k", "é"), "k:2");
    assert.deepEqual(sign.mac("k", "m"), new Uint8Array([109]));
  });
  assert.match(refused(() => sign.jwt("k", "x")).val.detail, /the claims of a JWT must be an object; they are a text/);
  for (const [payload, tag] of [
    [{ tag: "not-granted" }, "misconfigured"],
    [{ tag: "wrong-purpose", val: "mac" }, "misconfigured"],
    [{ tag: "bad-input", val: "too long" }, "internal"],
    [{ tag: "unavailable", val: "gone" }, "unavailable"],
  ]) {
    fails("chancery:host/sign", "jwt", payload);
    assert.equal(refused(() => sign.jwt("k", {})).tag, tag);
  }
});

test("the journal takes lines, and says when it is full", () => {
  let written = "";
  host["chancery:host/journal"] = {
    append: (bytes) => void (written += Buffer.from(bytes)),
    size: () => 7,
    begunAt: () => null,
    rotate: () => {},
  };
  call(() => {
    journal.append("é\n");
    assert.equal(written, "é\n");
    assert.equal(journal.size(), 7);
    assert.equal(journal.begunAt(), undefined);
    host["chancery:host/journal"].begunAt = () => 1000;
    assert.deepEqual(journal.begunAt(), new Date(1000));
  });
  fails("chancery:host/journal", "append", { tag: "full", val: 7 });
  assert.equal(refused(() => journal.append("x")).tag, "misconfigured");
  fails("chancery:host/journal", "append", { tag: "unavailable", val: "/var/audit: no space" });
  const { message, detail } = refused(() => journal.append("x")).val.problem;
  assert.deepEqual([message, detail], ["The journal cannot be written.", "/var/audit: no space"]);
});
