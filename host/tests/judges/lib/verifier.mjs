// An @sd-jwt/sd-jwt-vc verifier wired to node:crypto and to the issuer's published keys.
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { keyById, verifySignature } from './keys.mjs'
import { decodeJson, hasher } from './sd-jwt.mjs'

/** `jwks` and `where` as lib/issuer.mjs returns them. */
export function sdJwtVcVerifier(keys) {
  // Whether the credential is revoked is asked by check-token-status.mjs.
  return new SDJwtVcInstance({ ...verifierConfig(keys), statusValidator: async () => {} })
}

/** The part of the configuration that says how signatures are verified. */
export function verifierConfig({ jwks, where }) {
  return {
    hasher,
    hashAlg: 'sha-256',
    verifier: (data, signature) => {
      const header = headerOf(data)
      return verifySignature(header.alg, keyById(jwks, header.kid, where), data, signature)
    },
    kbVerifier: (data, signature, payload) => {
      if (!payload.cnf?.jwk) throw new Error("the credential has no 'cnf.jwk' to bind to")
      return verifySignature(headerOf(data).alg, payload.cnf.jwk, data, signature)
    },
  }
}

function headerOf(signingInput) {
  return decodeJson(signingInput.split('.')[0], 'the header')
}
