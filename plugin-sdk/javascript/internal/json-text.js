// A slow and exact look at a JSON text: what is wrong with it, and where. Nothing of it is quoted.

/** How deep the host lets claims nest. */
export const MAX_DEPTH = 32;

/** A number, or one of the three words, at the place where to look. */
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

const SPACE = /[ \t\r\n]*/y;

/** Whether a number is none that whole numbers are rounded to. */
export function isExact(number) {
  return number <= Number.MAX_SAFE_INTEGER && number >= -Number.MAX_SAFE_INTEGER;
}

/** Why a text is not taken, and where; undefined where it is. */
export function faultOf(text) {
  const reader = new Reader(text);
  try {
    reader.whole();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return `${thrown.message} at ${reader.place()}`;
  }
}

class Fault extends Error {}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    this.value(0);
    if (this.next() !== "") throw new Fault("something stands behind the value");
  }

  value(depth) {
    switch (this.next()) {
      case "{":
        return this.inside(depth, "}", new Set());
      case "[":
        return this.inside(depth, "]");
      case '"':
        return void this.string();
      default:
        return this.scalar();
    }
  }

  /** The members of an object, which has a set for their names, or the items of an array. */
  inside(depth, end, names) {
    if (depth === MAX_DEPTH) throw new Fault(`more than ${MAX_DEPTH} levels`);
    this.at++;
    if (this.next() === end) return void this.at++;
    for (;;) {
      if (names !== undefined) this.name(names);
      this.value(depth + 1);
      const next = this.next();
      if (next !== "," && next !== end) throw new Fault(`, or ${end} is missing`);
      this.at++;
      if (next === end) return;
    }
  }

  name(names) {
    if (this.next() !== '"') throw new Fault("a name is missing");
    const begin = this.at;
    const name = this.string();
    if (names.has(name)) {
      this.at = begin;
      throw new Fault("a name stands twice in one object");
    }
    names.add(name);
    if (this.next() !== ":") throw new Fault(": is missing");
    this.at++;
  }

  string() {
    const begin = this.at;
    let end = begin;
    do {
      end = this.text.indexOf('"', end + 1);
      if (end < 0) throw new Fault("a text without its end");
    } while (this.isEscaped(begin, end));
    this.at = end + 1;
    try {
      return JSON.parse(this.text.slice(begin, this.at));
    } catch {
      this.at = begin;
      throw new Fault("a text with a character or an escape that JSON does not have");
    }
  }

  /** Whether the quote at `end` is inside of the text from `begin` on: an odd number of backslashes precedes it. */
  isEscaped(begin, end) {
    let first = end;
    while (first - 1 > begin && this.text[first - 1] === "\\") first--;
    return (end - first) % 2 === 1;
  }

  scalar() {
    SCALAR.lastIndex = this.at;
    const found = SCALAR.exec(this.text)?.[0];
    if (found === undefined) throw new Fault("a value is missing, or is no JSON,");
    if (/^[-\d]/.test(found) && !isExact(Number(found))) throw new Fault("a number too large to be kept exactly");
    this.at += found.length;
  }

  /** The next character that is no white space; empty at the end. */
  next() {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
    return this.text.charAt(this.at);
  }

  place() {
    const lines = this.text.slice(0, this.at).split("\n");
    return `line ${lines.length} column ${lines.at(-1).length + 1}`;
  }
}
