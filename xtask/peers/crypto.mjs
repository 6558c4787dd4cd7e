// Keys of this process, and node:crypto behind the libraries' callbacks: its synchronous calls, since handing one
// small signature to another thread costs more than making it.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { clientAuthenticationAnonymous } from '@openid4vc/oauth2'

const ES256 = { hash: 'sha256', dsaEncoding: 'ieee-p1363' }

export const credentialKey = es256Key('credential-key')
const tokenKey = es256Key('token-key')
export const tokenSigner = { method: 'jwk', alg: 'ES256', publicJwk: tokenKey.publicJwk }

export const callbacks = {
  hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
  generateRandom: (length) => randomBytes(length),
  clientAuthentication: clientAuthenticationAnonymous(),
  signJwt: (_signer, { header, payload }) => {
    const input = `${encode(header)}.${encode(payload)}`
    return { jwt: `${input}.${tokenKey.sign(input)}`, signerJwk: tokenKey.publicJwk }
  },
  verifyJwt: (signer, { compact }) => {
    if (signer.method !== 'jwk' || signer.alg !== 'ES256') return { verified: false }
    const key = createPublicKey({ key: signer.publicJwk, format: 'jwk' })
    return { verified: verifyCompact(compact, key), signerJwk: signer.publicJwk }
  },
}

export function randomText() {
  return randomBytes(24).toString('base64url')
}

/** Checks an access token that this process gave. The library's own check would fetch our key set over HTTP. */
export function verifyToken(compact, issuer) {
  if (!verifyCompact(compact, tokenKey.publicKey)) throw new Error('the access token is not ours')
  const claims = JSON.parse(Buffer.from(compact.split('.')[1], 'base64url').toString())
  if (claims.iss !== issuer || claims.aud !== issuer || claims.exp * 1000 <= Date.now()) {
    throw new Error('the access token is not good (any more)')
  }
  return claims
}

function verifyCompact(compact, key) {
  const end = compact.lastIndexOf('.')
  const signature = Buffer.from(compact.slice(end + 1), 'base64url')
  return verify(ES256.hash, Buffer.from(compact.slice(0, end)), { key, dsaEncoding: ES256.dsaEncoding }, signature)
}

function es256Key(kid) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }))
  return {
    kid,
    publicKey,
    publicJwk: publicKey.export({ format: 'jwk' }),
    sign: (text) =>
      sign(ES256.hash, Buffer.from(text), { key, dsaEncoding: ES256.dsaEncoding }).toString('base64url'),
  }
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
