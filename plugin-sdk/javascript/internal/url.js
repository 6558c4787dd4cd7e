// Addresses, read strictly: what two readers could understand differently is refused.

import { kindOf } from "./text.js";

const NAME = /^[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*$/;
const ADDRESS = /^\[[0-9A-Fa-f:.]+\]$/;

/** The characters that stand for themselves in a path and in a query. */
const PATH = /^(?:[A-Za-z0-9._~!$&'()*+,;=/:@-]|%[0-9A-Fa-f]{2})*$/;
const QUERY = /^(?:[A-Za-z0-9._~!$&'()*+,;=/:@?-]|%[0-9A-Fa-f]{2})*$/;

/** The parts of an absolute http or https URL without user, fragment and dot segments. Throws what is wrong with it. */
export function parseUrl(text) {
  if (typeof text !== "string") throw new TypeError(`a URL must be a text; it is ${kindOf(text)}`);
  const parts = /^(https?):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/is.exec(text);
  if (parts === null) throw new TypeError("a URL must begin with https:// or http://");
  const [, scheme, authority, path, query = "", fragment] = parts;
  if (fragment !== undefined) throw new TypeError("a URL must have no fragment (#…)");
  if (authority.includes("@")) throw new TypeError("a URL must have no user or password");
  if (!PATH.test(path) || !QUERY.test(query.slice(1))) {
    throw new TypeError("the URL has a character at a place where it must be percent-encoded");
  }
  if (path.split("/").some((part) => [".", ".."].includes(part.replace(/%2e/gi, ".")))) {
    throw new TypeError("a URL's path must have no . or .. segments");
  }
  checkAuthority(authority);
  return {
    https: scheme.toLowerCase() === "https",
    authority: authority.toLowerCase(),
    pathWithQuery: `${path === "" ? "/" : path}${query}`,
  };
}

function checkAuthority(authority) {
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(authority) ?? [];
  if (host === undefined || !(NAME.test(host) || ADDRESS.test(host)))
    throw new TypeError("the URL's host is not valid");
  if (port === undefined) return;
  if (!/^\d{1,5}$/.test(port) || Number(port) === 0 || Number(port) > 65_535) {
    throw new TypeError("the URL's port is not valid");
  }
}
