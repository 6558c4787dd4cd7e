// What RFC 9901 asks of a verifier beyond the signature. @sd-jwt/sd-jwt-vc 0.19 drops a disclosure that
// no digest refers to instead of refusing it, and looks at neither `typ` nor the key binding's `aud`.
import { createHash } from 'node:crypto'

const MIN_SALT_BYTES = 16
const RESERVED_NAMES = ['_sd', '...', '_sd_alg']
/** SD-JWT VC: these may never be selectively disclosable. */
const ALWAYS_VISIBLE = ['iss', 'nbf', 'exp', 'cnf', 'vct', 'vct#integrity', 'status']
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Splits `<jwt>~<disclosure>~…~[<kb-jwt>]`. The parts stay encoded. */
export function split(credential) {
  const [jwt, ...rest] = credential.split('~')
  if (rest.length === 0) throw new Error("not an SD-JWT: there is no '~'")
  const keyBinding = rest.pop()
  const parts = jwt.split('.')
  if (parts.length !== 3) throw new Error(`the issuer-signed JWT has ${parts.length} parts, not 3`)
  return { jwt, parts, disclosures: rest, keyBinding }
}

export function join({ parts, disclosures, keyBinding }) {
  return [parts.join('.'), ...disclosures, keyBinding].join('~')
}

/** JSON behind strict base64url: no padding, no stray bits, valid UTF-8. */
export function decodeJson(encoded, what) {
  const bytes = Buffer.from(encoded, 'base64url')
  if (bytes.toString('base64url') !== encoded) throw new Error(`${what} is not canonical base64url`)
  try {
    return JSON.parse(UTF8.decode(bytes))
  } catch (error) {
    throw new Error(`${what} is not JSON: ${error.message}`)
  }
}

/** The hasher that @sd-jwt asks for. */
export function hasher(data, algorithm) {
  if (algorithm !== 'sha-256') throw new Error(`digest algorithm '${algorithm}' is not sha-256`)
  return new Uint8Array(createHash('sha256').update(Buffer.from(data)).digest())
}

/** Refuses an SD-JWT whose disclosures and digests do not fit together, each exactly once. */
export function checkStructure(credential) {
  const { parts, disclosures } = split(credential)
  const header = decodeJson(parts[0], 'the header')
  const payload = decodeJson(parts[1], 'the payload')
  if (header.typ !== 'dc+sd-jwt') throw new Error(`typ is '${header.typ}', not 'dc+sd-jwt'`)
  if (disclosures.length > 0 && payload._sd_alg !== 'sha-256') {
    throw new Error(`_sd_alg is '${payload._sd_alg}', not 'sha-256'`)
  }
  const decoded = disclosures.map(decodeDisclosure)
  checkSalts(decoded)
  checkDigests(payload, decoded)
  return decoded
}

function decodeDisclosure(encoded, index) {
  const what = `disclosure ${index}`
  const content = decodeJson(encoded, what)
  if (!Array.isArray(content) || ![2, 3].includes(content.length)) {
    throw new Error(`${what} is not an array of two or three members`)
  }
  const [salt, name] = content
  if (content.length === 3 && (typeof name !== 'string' || RESERVED_NAMES.includes(name))) {
    throw new Error(`${what} has the reserved or unusable name ${JSON.stringify(name)}`)
  }
  const digest = Buffer.from(hasher(encoded, 'sha-256')).toString('base64url')
  const isElement = content.length === 2
  return { what, salt, digest, isElement, name: isElement ? undefined : name, value: content.at(-1) }
}

function checkSalts(decoded) {
  for (const { what, salt } of decoded) {
    const bytes = typeof salt === 'string' ? Buffer.from(salt, 'base64url').length : 0
    if (bytes < MIN_SALT_BYTES) throw new Error(`${what} has a salt of less than 128 bits`)
  }
  if (new Set(decoded.map(({ salt }) => salt)).size !== decoded.length) {
    throw new Error('two disclosures share a salt')
  }
}

function checkDigests(payload, decoded) {
  const byDigest = new Map(decoded.map((disclosure) => [disclosure.digest, disclosure]))
  const seen = new Set()
  const visit = (digest, isElement, siblings, isTop) => {
    if (seen.has(digest)) throw new Error(`digest ${digest} stands more than once`)
    seen.add(digest)
    const disclosure = byDigest.get(digest)
    // Without a disclosure it is a decoy or a claim that was withheld.
    if (!disclosure) return
    const { what, name, value } = disclosure
    if (disclosure.isElement !== isElement) throw new Error(`${what} is of the wrong kind`)
    if (!isElement && Object.hasOwn(siblings, name)) throw new Error(`${what} repeats '${name}'`)
    if (isTop && ALWAYS_VISIBLE.includes(name)) throw new Error(`${what} hides '${name}'`)
    walk(value, false)
  }
  const walk = (node, isTop) => {
    if (Array.isArray(node)) {
      for (const item of node) {
        if (item !== null && typeof item === 'object' && '...' in item) visit(item['...'], true, {}, false)
        else walk(item, false)
      }
    } else if (node !== null && typeof node === 'object') {
      for (const digest of node._sd ?? []) visit(digest, false, node, isTop)
      for (const [name, value] of Object.entries(node)) if (name !== '_sd') walk(value, false)
    }
  }
  walk(payload, true)
  const lost = decoded.find(({ digest }) => !seen.has(digest))
  if (lost) throw new Error(`${lost.what} is referred to by no digest: it was altered or added`)
}
