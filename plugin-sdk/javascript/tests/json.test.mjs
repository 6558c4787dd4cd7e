// JSON that somebody else wrote.

import assert from "node:assert/strict";
import { test } from "node:test";

import "./host.mjs";

const { JsonError, parseJson } = await import("../index.js");

function fault(text) {
  let thrown;
  assert.throws(
    () => parseJson(text),
    (error) => (thrown = error) instanceof JsonError,
    text.slice(0, 100),
  );
  return thrown.detail.replace("the JSON cannot be read: ", "");
}

test("what is in order is read", () => {
  for (const text of [
    "null",
    " \t\r\n[ ]\n",
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"__proto__":1,"toString":2,"":3}',
    "[0,-0,0.1,1.5e-7,9007199254740991,-9007199254740991]",
    // Colons and quotes that look like the ends of names.
    '{ "a" : ": b : ", "c\\\\" : "\\":", "d\\"":":" }',
    '{"when":"2024-01-01T00:00:00Z","url":"https://a.example/"}',
    '["\\ud83d\\ude00","\\u0000","\\\\","\\\\\\""]',
    `[${"[],".repeat(3000)}{}]`,
    `[${'{"a":"[[[[","b\\"]":"{"},'.repeat(3000)}{}]`,
  ]) {
    assert.deepEqual(parseJson(text), JSON.parse(text), text.slice(0, 100));
  }
});

test("a name that stands twice is refused at any depth, however it is written", () => {
  for (const [text, column] of [
    ['{"a":1,"a":1}', 8],
    ['{"a" :1,"a":2}', 9],
    ['{"a":1,"a"\t: 2}', 8],
    ['[{"b":{"a":1,"\\u0061":2}}]', 14],
    ['{"a":":","a":1}', 10],
    ['{"x":"\\":","a":1,"a":2}', 18],
    ['{"__proto__":1,"__proto__":2}', 16],
  ]) {
    assert.equal(fault(text), `a name stands twice in one object at line 1 column ${column}`);
  }
  assert.match(fault('{"a":1,\n  "b": 2,\n  "a":3}'), /at line 3 column 3$/);
});

test("numbers that would change are refused", () => {
  for (const text of ["9007199254740992", "-9007199254740993", "1e16", "1e400", "9007199254740993.5"]) {
    assert.match(fault(`[{"a":${text}}]`), /^a number too large to be kept exactly at line 1 column 7$/, text);
  }
});

test("nesting ends at the host's limit, and long before the engine's", () => {
  const nested = (open, close, depth) => `${open.repeat(depth)}0${close.repeat(depth)}`;
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ]) {
    parseJson(nested(open, close, 32));
    for (const depth of [33, 999, 5000, 200_000]) {
      assert.match(fault(nested(open, close, depth)), /^more than 32 levels/);
    }
  }
  assert.match(fault("[".repeat(100_000)), /^more than 32 levels/);
  // Brackets in texts close nothing.
  assert.match(fault(`${'["]]]]",'.repeat(5000)}0${"]".repeat(5000)}`), /^more than 32 levels/);
});

test("what is not JSON is refused with its place, and is not quoted", () => {
  for (const text of [
    ...["", "{", "[", "{}x", "[1 2]", "[1,]", '{"a":1,}', "{,}", "[,1]", "{a:1}", "{'a':1}", '{"a"1}', '{"a":}'],
    ...["NaN", "Infinity", "-Infinity", "undefined", "tru", "nulls", "01", "1.", ".5", "+1", "-", "1e", "0x10", "1_0"],
    ...['"a', '"\\x41"', '"\\u12"', '"\\u{41}"', '"\n"', '"\u0001"', '"\\"', "\ufeff{}", "\u00a01", "/**/1", "\v1"],
  ]) {
    assert.throws(() => JSON.parse(text), SyntaxError, text);
    assert.match(fault(text), / at line \d column \d+$/, text);
  }
  assert.ok(!fault('{"name": "Ada" "Lovelace"}').includes("Ada"));
});
