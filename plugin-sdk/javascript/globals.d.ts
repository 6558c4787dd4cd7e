// What there is in both engines on top of the language.
//
// There is nothing else of a browser or of Node.js: no timers, no URL, no fetch. StarlingMonkey has `fetch` and more;
// where a plugin relies on that, `"lib": ["es2023", "webworker"]` in tsconfig.json declares it, in place of this file.

interface ChanceryConsole {
  /** One line of the host's log, its values joined by spaces. Level `trace`. */
  trace(...values: unknown[]): void;
  /** Level `debug`. */
  debug(...values: unknown[]): void;
  /** Level `info`. */
  log(...values: unknown[]): void;
  /** Level `info`. */
  info(...values: unknown[]): void;
  /** Level `warn`. */
  warn(...values: unknown[]): void;
  /** Level `error`. */
  error(...values: unknown[]): void;
}

interface ChanceryCrypto {
  /** Fills a typed array of at most 65,536 bytes with unpredictable bytes. */
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  /** A UUID of version 4. */
  randomUUID(): string;
}

interface ChanceryTextEncoder {
  readonly encoding: "utf-8";
  /** The UTF-8 bytes of a text. */
  encode(text?: string): Uint8Array;
}

interface ChanceryTextDecoder {
  readonly encoding: "utf-8";
  /** The text of UTF-8 bytes. With QuickJS, bytes that are none throw a TypeError. */
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}

declare var console: ChanceryConsole;
declare var crypto: ChanceryCrypto;
declare var performance: {
  /** Milliseconds since the first question in this call. */
  now(): number;
};
/** Bytes, written as characters up to U+00FF, as base64. */
declare function btoa(binary: string): string;
/** Base64 as bytes, written as characters up to U+00FF. */
declare function atob(base64: string): string;
declare var TextEncoder: { new (): ChanceryTextEncoder };
declare var TextDecoder: { new (label?: "utf-8"): ChanceryTextDecoder };
