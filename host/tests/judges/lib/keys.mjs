// Signatures by node:crypto and not by jose, so that the verdict of @sd-jwt/sd-jwt-vc (which brings no
// cryptography of its own) does not rest on the library that the jose verdict rests on.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'

/** What each JWS algorithm asks of a key; nothing else is accepted, least of all `none` and HMAC. */
const ALGORITHMS = {
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', signatureBytes: 64 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: null, signatureBytes: 64 },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', hash: null, signatureBytes: 64 },
}

export const SIGNING_ALGORITHMS = Object.keys(ALGORITHMS)

/** The algorithm that a holder key signs with. */
export function algorithmOf(jwk) {
  const found = SIGNING_ALGORITHMS.find((name) => fits(ALGORITHMS[name], jwk))
  if (!found) throw new Error(`no signing algorithm for a ${jwk.kty} ${jwk.crv ?? ''} key`)
  return found
}

/** True when `signature` (base64url) is `jwk`'s over the text `data`. */
export function verifySignature(algorithm, jwk, data, signature) {
  const rule = ruleFor(algorithm, jwk)
  const bytes = Buffer.from(signature, 'base64url')
  if (bytes.length !== rule.signatureBytes || bytes.toString('base64url') !== signature) return false
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verify(rule.hash, Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' }, bytes)
}

/** The base64url signature over the text `data`. */
export function createSignature(algorithm, privateJwk, data) {
  const rule = ruleFor(algorithm, privateJwk)
  const key = createPrivateKey({ key: privateJwk, format: 'jwk' })
  return sign(rule.hash, Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

/** The one key with this `kid`; zero or several are an error. */
export function keyById(jwks, kid, where) {
  if (!Array.isArray(jwks?.keys)) throw new Error(`${where} has no 'keys' array`)
  const found = jwks.keys.filter((key) => key.kid === kid)
  if (found.length !== 1) {
    const known = jwks.keys.map((key) => key.kid).join(', ')
    throw new Error(`${where} has ${found.length} keys with kid '${kid}' (it has: ${known})`)
  }
  if ('d' in found[0] || 'k' in found[0]) throw new Error(`${where} publishes a private or secret key`)
  return found[0]
}

/** Equality of the public members that make up an RFC 7638 thumbprint. */
export function samePublicKey(left, right) {
  return ['kty', 'crv', 'x', 'y'].every((member) => left?.[member] === right?.[member])
}

function ruleFor(algorithm, jwk) {
  const rule = Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined
  if (!rule) throw new Error(`algorithm '${algorithm}' is not one of ${SIGNING_ALGORITHMS.join(', ')}`)
  if (!fits(rule, jwk)) {
    throw new Error(`algorithm '${algorithm}' does not fit a ${jwk.kty} ${jwk.crv ?? ''} key`)
  }
  return rule
}

function fits(rule, jwk) {
  return jwk.kty === rule.kty && jwk.crv === rule.crv
}
