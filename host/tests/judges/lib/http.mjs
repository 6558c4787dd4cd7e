// Plain http is for the loopback only, as in a browser's "potentially trustworthy origin".

const TIMEOUT_MS = 15_000
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** `fetch` with a deadline that refuses plain http to any other machine. */
export async function guardedFetch(input, init) {
  const url = new URL(input)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname))) {
    throw new Error(`refused to fetch ${url.href}: not https, and not http on the loopback`)
  }
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    // fetch says only "fetch failed"; what happened is in the cause.
    throw new Error(`${init?.method ?? 'GET'} ${url.href}: ${error.cause?.message ?? error.message}`)
  }
}

/** GET a JSON document; anything but 200 and a JSON content type is an error that names the address. */
export async function getJson(url) {
  const body = await getText(url, { type: /^application\/([\w.+-]+\+)?json\b/ })
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new Error(`GET ${url} answered broken JSON: ${error.message}`)
  }
}

/** GET a text; anything but 200 and a content type that matches `type` is an error that names the address. */
export async function getText(url, { accept, type }) {
  const response = await guardedFetch(url, accept && { headers: { accept } })
  const body = await response.text()
  if (response.status !== 200) {
    throw new Error(`GET ${url} answered ${response.status}: ${body.slice(0, 300)}`)
  }
  const answered = response.headers.get('content-type') ?? ''
  if (!type.test(answered)) throw new Error(`GET ${url} answered with content type '${answered}', not ${type}`)
  return body
}

/** The address of a well-known document: the path of the identifier goes behind the suffix (RFC 8615). */
export function wellKnown(identifier, suffix) {
  const url = new URL(identifier)
  return `${url.origin}/.well-known/${suffix}${url.pathname === '/' ? '' : url.pathname}`
}
